alter table failure add column vendor_message text;
