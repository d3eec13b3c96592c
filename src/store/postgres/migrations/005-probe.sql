-- Written to find out whether the database takes writes. No meaning.
create table probe (filler text not null);
insert into probe values ('');
