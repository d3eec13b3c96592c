import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'

/** Forward only: a released entry is never edited, new ones are appended. */
const migrations: readonly string[] = [
  `create table link (
     link_id integer primary key,
     state text not null check (state in ('claimed', 'linked', 'tombstoned', 'orphaned', 'merged')),
     canonical_key text not null,
     record_type text not null check (record_type in ('lead', 'contact')),
     record_id text not null,
     generation integer not null,
     marketo_id integer,
     proven_at integer,
     deleted_at integer,
     merged_into integer references link,
     lease_owner text,
     lease_until integer not null default 0,
     created_at integer not null
   ) strict;
   create index link_leased on link (lease_owner) where lease_owner is not null;
   create index link_not_linked on link (state) where state <> 'linked';

   create table identifier (
     kind text not null check (kind in ('marketo', 'email', 'record')),
     value text not null,
     link_id integer not null references link,
     primary key (kind, value)
   ) strict, without rowid;
   create index identifier_of_link on identifier (link_id);

   create table request (
     request_id text primary key,
     link_id integer not null references link,
     door text not null,
     caller text not null,
     idempotency_key text,
     body_hash text,
     marketo_id integer,
     payload text not null,
     campaign text,
     accepted_at integer not null,
     settled_at integer,
     outcome text,
     answer_status integer,
     answer_body text,
     unique (caller, idempotency_key)
   ) strict, without rowid;
   create index request_of_link on request (link_id) where settled_at is null;
   create index request_settled on request (settled_at) where settled_at is not null;

   create table intent (
     link_id integer not null references link,
     generation integer not null,
     request_id text not null,
     columns text not null,
     stored_at integer not null,
     primary key (link_id, generation)
   ) strict, without rowid;

   create table activity (
     activity_id integer primary key autoincrement,
     link_id integer not null references link,
     marketo_id integer,
     request_id text not null,
     at integer not null,
     outcome text not null,
     detail text not null
   ) strict;
   create index activity_of_person on activity (marketo_id, activity_id);
   create index activity_of_link on activity (link_id, activity_id);
   create index activity_at on activity (at);

   create table job (
     request_id text primary key,
     run_at integer not null,
     priority integer not null,
     attempts integer not null default 0,
     leased_until integer not null default 0,
     last_reason text,
     created_at integer not null
   ) strict, without rowid;
   create index job_due on job (priority, run_at);

   create table replica (
     link_id integer primary key references link,
     shadow text,
     marketo text,
     dynamics text,
     etag text,
     marketo_seen_at integer not null default 0,
     sent text,
     restore text,
     intent text,
     told text,
     stopped integer not null default 0,
     due_at integer,
     dirty_since integer,
     priority integer not null default 0,
     attempts integer not null default 0,
     epoch integer not null default 0,
     version integer not null default 1
   ) strict;
   create index replica_due on replica (priority, due_at) where due_at is not null;
   create index replica_dirty on replica (priority, dirty_since) where dirty_since is not null;
   create index replica_seen on replica (link_id, epoch);

   create table conflict (
     conflict_id integer primary key autoincrement,
     link_id integer not null references link,
     at integer not null,
     record_type text not null,
     record_id text not null,
     marketo_id integer,
     field text not null,
     winner text not null,
     won text not null,
     lost text not null
   ) strict;
   create index conflict_of_link on conflict (link_id);
   create index conflict_at on conflict (at);

   create table failure (
     failure_id integer primary key autoincrement,
     link_id integer references link,
     side text not null,
     code text not null,
     field text,
     advice text not null,
     vendor_code text,
     vendor_request_id text,
     first_seen_at integer not null,
     last_seen_at integer not null,
     attempts integer not null,
     closed_at integer
   ) strict;
   create index failure_of_link on failure (link_id) where closed_at is null;
   create index failure_by_code on failure (code, failure_id) where closed_at is null;
   create index failure_closed on failure (closed_at) where closed_at is not null;

   create table cursor (
     stream text primary key,
     position text not null,
     read_at integer
   ) strict, without rowid;

   create table sync_control (
     paused integer not null
   ) strict;
   insert into sync_control values (0);

   create table chunk (
     number integer primary key autoincrement,
     chunk_id text not null unique,
     state text not null default 'stored'
       check (state in ('stored', 'working', 'answering', 'done', 'failed')),
     token text not null,
     caller text not null,
     munchkin_id text not null,
     callback_url text not null,
     callback_key text not null,
     people integer not null,
     batch integer not null,
     deadline integer not null,
     received_at integer not null,
     expanded integer not null default 0,
     run_at integer not null,
     leased_until integer not null default 0,
     attempts integer not null default 0,
     answering_since integer,
     counts text,
     last_reason text,
     ended_at integer
   ) strict;
   create index chunk_due on chunk (batch, run_at) where ended_at is null;
   create index chunk_by_state on chunk (state, number);
   create index chunk_ended on chunk (ended_at) where ended_at is not null;

   create table chunk_page (
     number integer not null references chunk on delete cascade,
     position integer not null,
     items integer not null,
     body text not null,
     primary key (number, position)
   ) strict;

   create table callback_part (
     number integer not null references chunk on delete cascade,
     position integer not null,
     body text not null,
     primary key (number, position)
   ) strict;

   create table chunk_person (
     number integer not null references chunk on delete cascade,
     position integer not null,
     marketo_id integer not null,
     request_id text,
     outcome text,
     primary key (number, position)
   ) strict, without rowid;`,
  'alter table job add column crashes integer not null default 0',
  'alter table failure add column vendor_message text',
  "create table probe (filler blob not null) strict; insert into probe values (x'')",
  // People are found by e-mails without characters that cannot be seen: names of the form before gain the new one.
  `insert or ignore into identifier (kind, value, link_id)
   select kind, visible_email(value), link_id from identifier
    where kind = 'email' and visible_email(value) <> value
    order by link_id`,
  `alter table request add column attempts integer not null default 0;
   alter table request add column next_attempt_at integer;
   alter table request add column waiting_code text;
   alter table request add column waiting text;
   create index request_waiting on request (waiting_code, accepted_at) where settled_at is null;`,
  `create table binding (
     kind text primary key,
     value text not null
   ) strict, without rowid`,
  `create table alias (
     kind text not null check (kind in ('marketo', 'record')),
     value text not null,
     due_at integer,
     seen text,
     primary key (kind, value)
   ) strict, without rowid;
   create index alias_due on alias (due_at) where due_at is not null;
   create table departed (
     marketo_id integer primary key,
     link_id integer not null references link
   ) strict;
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
      and value <> home.record_type || ':' || home.record_id`,
  // By which records without a person are found when somebody with their e-mail comes.
  "create index replica_unagreed_email on replica (lower(dynamics ->> '$.email')) where shadow is null",
]

/** An e-mail in the normal form of the versions before in that of today: see person/identity.ts. */
function visibleEmail(email: SQLOutputValue): string {
  const visible = String(email).replace(/[\p{Cf}\p{Default_Ignorable_Code_Point}\ufffe\uffff]/gu, '')
  return visible.normalize('NFKC').trim()
}

export function migrate(db: DatabaseSync, upTo = migrations.length): void {
  db.function('visible_email', { deterministic: true }, visibleEmail)
  db.exec(
    'create table if not exists migration (number integer primary key, applied_at text not null) strict',
  )
  const latest = db.prepare('select coalesce(max(number), 0) as number from migration').get()
  const applied = Number(latest?.number)
  if (applied > migrations.length) {
    throw new Error(
      `The store was written by a newer version (migration ${applied}, this one knows ${migrations.length}). Start the newer version.`,
    )
  }
  for (const [index, sql] of migrations.slice(0, upTo).entries()) {
    if (index < applied) continue
    db.exec('begin immediate')
    db.exec(sql)
    db.prepare("insert into migration values (?, datetime('now'))").run(index + 1)
    db.exec('commit')
  }
}
