-- Why a request is not finished, how often it was tried, and when it is tried next.
alter table request add column attempts bigint not null default 0;
alter table request add column next_attempt_at bigint;
alter table request add column waiting_code text;
alter table request add column waiting text;
create index request_waiting on request (waiting_code, accepted_at) where settled_at is null;
