-- What replicas share of a vendor's limits. Times are the database's, in epoch ms.
create table quota (
  name text primary key,
  version bigint not null default 0,
  learned text not null default '{"values": {}, "times": {}}',
  next_start_at bigint not null default 0,
  day_ends_at bigint not null default 0,
  day_calls bigint not null default 0
);

create table quota_replica (
  name text not null references quota on delete cascade,
  replica text not null,
  number bigint not null,
  wanted bigint not null,
  wanted_behind bigint not null,
  slots bigint not null,
  slots_until bigint not null,
  served_at bigint not null,
  answer text not null,
  primary key (name, replica)
);

create table quota_block (
  name text not null references quota on delete cascade,
  replica text not null,
  number bigint not null,
  starts bigint not null,
  ends_at bigint not null,
  day_ends_at bigint not null,
  primary key (name, replica, number)
);
