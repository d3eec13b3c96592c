-- Which organisation and subscription the store is about.
create table binding (
  kind text primary key,
  value text not null
);
