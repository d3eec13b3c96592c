-- Names of links that are not their own person or record, and failures that name who else has the link.
create table alias (
  kind text not null check (kind in ('marketo', 'record')),
  value text not null,
  due_at bigint,
  seen text,
  primary key (kind, value)
);
create index alias_due on alias (due_at) where due_at is not null;
create table departed (
  marketo_id bigint primary key,
  link_id bigint not null references link
);
create index departed_of_link on departed (link_id);
alter table failure add column other_kind text;
alter table failure add column other_value text;
insert into alias (kind, value, due_at)
select kind, value, 0 from identifier join link using (link_id)
 where kind = 'marketo' and marketo_id is not null and value <> cast(marketo_id as text);
insert into alias (kind, value, due_at)
select 'record', value, 0
  from link as former
  join identifier on kind = 'record' and value = former.record_type || ':' || former.record_id
  join link as home on home.link_id = identifier.link_id
 where former.state = 'merged' and former.proven_at is not null
   and value <> home.record_type || ':' || home.record_id;
