-- Links by their names, and two of them becoming one. Whoever changes who is who first holds the names, then the
-- links, each in one order for everybody, and keeps them until the transaction ends.

create function hold_names(names text[]) returns void language plpgsql as $$
declare
  lock_key bigint;
begin
  for lock_key in
    select distinct hashtextextended(name, 0) from unnest(names) as name order by 1
  loop
    perform pg_advisory_xact_lock(lock_key);
  end loop;
end $$;

create function hold_links(ids bigint[]) returns void language sql as $$
  select link_id from link where link_id = any(ids) order by link_id for update
$$;

create function record_name(type text, id text) returns text language sql immutable as $$
  select type || ':' || id
$$;

create function name_of(identifier_kind text, identifier_value text) returns text language sql immutable as $$
  select identifier_kind || ':' || identifier_value
$$;

-- Whose the name is; null where nobody's.
create function owner_of(identifier_kind text, identifier_value text) returns bigint language sql stable as $$
  select link_id from identifier where kind = identifier_kind and value = identifier_value
$$;

-- The id of the link, or of the one that took over.
create function home(id bigint) returns bigint language plpgsql stable as $$
declare
  into_id bigint;
begin
  loop
    select merged_into into into_id from link where link_id = id;
    exit when into_id is null;
    id := into_id;
  end loop;
  return id;
end $$;

create function read_link(id bigint) returns link language sql stable as $$
  select link from link where link_id = id
$$;

-- Where the name is free; the link that has it keeps it.
create function give_name(id bigint, identifier_kind text, identifier_value text) returns void language sql as $$
  insert into identifier (kind, value, link_id) values (identifier_kind, identifier_value, id)
      on conflict do nothing
$$;

-- No record is proven and no create can be under way.
create function is_blank(one link) returns boolean language sql stable as $$
  select one.state = 'claimed'
         and not exists (select from intent where link_id = one.link_id and generation = one.generation)
$$;

create function is_being_made(one link) returns boolean language sql stable as $$
  select one.state = 'claimed'
         and exists (select from intent where link_id = one.link_id and generation = one.generation)
$$;

-- Those who share the link are looked at again: their failures name its own person and record.
create function look_at_aliases(id bigint, now_ms bigint) returns void language sql as $$
  update alias set due_at = now_ms
   where due_at is not null and (kind, value) in (select kind, value from identifier where link_id = id);
$$;

-- The name is the link's own from now on, or nobody's.
create function forget_alias(id bigint, alias_kind text, alias_value text, now_ms bigint) returns void language sql as $$
  delete from alias where kind = alias_kind and value = alias_value;
  update failure set closed_at = now_ms
   where link_id = id and other_kind = alias_kind and other_value = alias_value and closed_at is null;
  select look_at_aliases(id, now_ms);
$$;

-- A person or a record that the link has beside its own one: the background sync looks at it.
create function note_alias(id bigint, alias_kind text, alias_value text) returns void language sql as $$
  insert into alias (kind, value, due_at)
  select kind, value, 0 from identifier where kind = alias_kind and value = alias_value and link_id = id
  on conflict do nothing
$$;

-- The person is gone: the name is free, and the link waits for another one. Tells whether they were its own.
create function orphan_link(id bigint, person bigint, now_ms bigint) returns boolean language plpgsql as $$
begin
  insert into departed (marketo_id, link_id)
  select person, link_id from identifier where kind = 'marketo' and value = person::text and link_id = id
  on conflict (marketo_id) do update set link_id = excluded.link_id;
  delete from identifier where kind = 'marketo' and value = person::text and link_id = id;
  perform forget_alias(id, 'marketo', person::text, now_ms);
  update link set marketo_id = null, state = case state when 'linked' then 'orphaned' else state end
   where link_id = id and marketo_id = person;
  return found;
end $$;

-- Everything that named one link now names the other. What was known of the sides of the first goes.
create function merge_links(from_id bigint, to_id bigint) returns void language plpgsql as $$
begin
  insert into alias (kind, value, due_at)
  select kind, value, 0 from identifier join link using (link_id)
   where link_id = from_id
     and (kind = 'marketo' or (kind = 'record' and value = record_name(record_type, record_id)
                               and state in ('linked', 'orphaned')))
  on conflict (kind, value) do update set due_at = excluded.due_at;
  update identifier set link_id = to_id where link_id = from_id;
  update departed set link_id = to_id where link_id = from_id;
  update request set link_id = to_id where link_id = from_id and settled_at is null;
  update activity set link_id = to_id where link_id = from_id;
  update conflict set link_id = to_id where link_id = from_id;
  update failure set link_id = to_id where link_id = from_id and closed_at is null;
  delete from replica where link_id = from_id;
  update link set state = 'merged', merged_into = to_id, lease_owner = null, lease_until = 0
   where link_id = from_id;
end $$;

-- The person is the link's own where it has none; an orphan has one again, and what was known of another person is
-- forgotten. Without a shadow, what is known of the record stands on its own. Tells whether a replica was written.
create function own_link(id bigint, person bigint, now_ms bigint) returns boolean language plpgsql as $$
begin
  update link
     set marketo_id = person, state = case state when 'orphaned' then 'linked' else state end
   where link_id = id and marketo_id is null;
  if not found then return false; end if;
  perform forget_alias(id, 'marketo', person::text, now_ms);
  update replica
     set dynamics = case when shadow is null then dynamics end,
         etag = case when shadow is null then etag end,
         shadow = null, marketo = null, marketo_seen_at = 0, sent = null, restore = null,
         -- What the record was made with came from another person.
         intent = case when intent::json -> 'created' is null then intent end,
         due_at = now_ms, dirty_since = coalesce(dirty_since, now_ms),
         priority = 0, attempts = 0, version = version + 1
   where link_id = id;
  return found;
end $$;

-- The link has another record now, or with due null is to get one. What was sent to Marketo stays: its echo may be
-- on the way.
create function forget_record(id bigint, due bigint) returns void language sql as $$
  insert into replica (link_id, due_at, dirty_since) values (id, due, due)
  on conflict (link_id) do update
     set shadow = null, marketo = null, dynamics = null, etag = null, intent = null,
         stopped = 0, due_at = due, dirty_since = due, priority = 0,
         attempts = 0, version = replica.version + 1
$$;

create function wake_replica(id bigint, now_ms bigint) returns void language sql as $$
  insert into replica (link_id, due_at, dirty_since) values (id, now_ms, now_ms)
  on conflict (link_id) do update
     set due_at = coalesce(replica.due_at, now_ms), dirty_since = coalesce(replica.dirty_since, now_ms),
         priority = 0, version = replica.version + 1
$$;

-- Ids of activities become visible in their order: who reads them waits for who has one already.
create function hold_activities() returns void language sql as $$
  select pg_advisory_xact_lock_shared(hashtextextended('sync-person-to-microsoft: activities', 0))
$$;

create function log_activity(id bigint, person bigint, request text, now_ms bigint, result text, details text)
returns void language plpgsql as $$
begin
  perform hold_activities();
  insert into activity (link_id, marketo_id, request_id, at, outcome, detail)
  values (id, person, request, now_ms, result, details);
end $$;
