create table lease (
  name text primary key,
  holder text not null,
  fence bigint not null,
  since bigint not null,
  until bigint not null,
  note text
);
