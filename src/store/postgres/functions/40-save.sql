-- One change of the background sync, from the links to the cursors.

-- The columns of a replica as the service sends them; absent members are null.
create function replica_of(one jsonb) returns replica language sql immutable as $$
  select row((one ->> 'linkId')::bigint, one ->> 'shadow', one ->> 'marketo', one ->> 'dynamics', one ->> 'etag',
             (one ->> 'marketoSeenAt')::bigint, one ->> 'sent', one ->> 'restore', one ->> 'intent', one ->> 'told',
             (one ->> 'stopped')::bigint, (one ->> 'dueAt')::bigint, (one ->> 'dirtySince')::bigint,
             (one ->> 'priority')::bigint, (one ->> 'attempts')::bigint, (one ->> 'epoch')::bigint,
             (one ->> 'version')::bigint)::replica
$$;

-- Whose names a change gives or asks for.
create function names_in(change jsonb) returns table (kind text, value text) language sql stable as $$
  select 'record', record_name(move ->> 'recordType', move ->> 'recordId')
    from jsonb_array_elements(change -> 'moves') as move where move ->> 'kind' = 'record'
  union
  select 'marketo', move ->> 'marketoId'
    from jsonb_array_elements(change -> 'moves') as move where move ->> 'kind' in ('person', 'orphan')
  union
  select 'email', move ->> 'email'
    from jsonb_array_elements(change -> 'moves') as move where move ->> 'kind' = 'email' and move ? 'email'
  union
  select 'record', record_name(one ->> 'recordType', one ->> 'recordId')
    from jsonb_array_elements(change -> 'newLinks') as one
  union
  select one ->> 'kind', one ->> 'value' from jsonb_array_elements(change -> 'aliases') as one
  union
  select 'email', one ->> 'email' from jsonb_array_elements(change -> 'newLinks') as one where one ? 'email'
  union
  select 'marketo', one ->> 'marketoId' from jsonb_array_elements(change -> 'newLinks') as one where one ? 'marketoId'
$$;

-- The links that a change is about, with those that took over and those that have one of its names.
create function links_in(change jsonb) returns bigint[] language sql stable as $$
  with named as (
    select (one ->> 'linkId')::bigint as id
      from jsonb_array_elements((change -> 'moves') || (change -> 'replicas') || (change -> 'conflicts')
                                || (change -> 'failures')) as one
    union
    select (one ->> 'into')::bigint from jsonb_array_elements(change -> 'moves') as one
  ), homes as (
    select id from named union select home(id) from named
    union
    select link_id from names_in(change) as name join identifier using (kind, value)
  )
  select coalesce(array_agg(distinct id order by id), '{}') from homes where id is not null
$$;

-- Holds all of them. One may be merged away, or get a name, while another is waited for.
create function hold_change(change jsonb) returns void language plpgsql as $$
declare
  held bigint[] := '{}';
  wanted bigint[];
begin
  perform hold_names((select coalesce(array_agg(name_of(kind, value)), '{}') from names_in(change)));
  loop
    wanted := links_in(change);
    exit when wanted <@ held;
    perform hold_links(wanted);
    held := held || wanted;
  end loop;
  perform 1 from replica
    where link_id in (select (one ->> 'linkId')::bigint from jsonb_array_elements(change -> 'replicas') as one)
    order by link_id for update;
end $$;

-- Another writer was faster: the version of a replica is not the one that was read. 0 stands for none.
create function is_stale(change jsonb) returns boolean language sql stable as $$
  select exists (
    select from jsonb_array_elements(change -> 'replicas') as one
      join link on link.link_id = (one ->> 'linkId')::bigint
      left join replica using (link_id)
     where link.state = 'merged' or coalesce(replica.version, 0) <> (one ->> 'version')::bigint)
$$;

create function touch_replica(id bigint) returns void language sql as $$
  update replica set version = version + 1 where link_id = id
$$;

-- The names of one link move to another, which is due; its person too, where that one has none.
create function take_in(from_link link, to_link link, now_ms bigint) returns void language plpgsql as $$
begin
  if from_link.link_id = to_link.link_id or is_being_made(from_link) then return; end if;
  perform merge_links(from_link.link_id, to_link.link_id);
  perform wake_replica(to_link.link_id, now_ms);
  if to_link.marketo_id is null and from_link.marketo_id is not null then
    perform own_link(to_link.link_id, from_link.marketo_id, now_ms);
  end if;
end $$;

-- A person who has a record of their own keeps it, and their name.
create function move_to_person(one link, person bigint, now_ms bigint) returns void language plpgsql as $$
declare
  owner bigint := owner_of('marketo', person::text);
begin
  if owner <> one.link_id then
    if not is_blank(read_link(owner)) then return; end if;
    perform merge_links(owner, one.link_id);
  end if;
  perform give_name(one.link_id, 'marketo', person::text);
  update link set marketo_id = person, state = case state when 'orphaned' then 'linked' else state end
   where link_id = one.link_id;
  perform forget_alias(one.link_id, 'marketo', person::text, now_ms);
  if one.marketo_id <> person then perform note_alias(one.link_id, 'marketo', one.marketo_id::text); end if;
  perform touch_replica(one.link_id);
end $$;

-- Left alone while a create may be under way: the flow action says first which record that is.
create function move_to_record(one link, type text, id text, now_ms bigint) returns void language plpgsql as $$
declare
  owner bigint := owner_of('record', record_name(type, id));
begin
  if owner <> one.link_id then
    perform take_in(one, read_link(owner), now_ms);
    return;
  end if;
  if is_being_made(one) then return; end if;
  perform give_name(one.link_id, 'record', record_name(type, id));
  update link
     set record_type = type, record_id = id, proven_at = now_ms, deleted_at = null,
         state = case state when 'orphaned' then 'orphaned' else 'linked' end
   where link_id = one.link_id;
  perform forget_alias(one.link_id, 'record', record_name(type, id), now_ms);
  perform touch_replica(one.link_id);
end $$;

create function apply_move(move jsonb, now_ms bigint) returns void language plpgsql as $$
declare
  one link := read_link(home((move ->> 'linkId')::bigint));
  id bigint := one.link_id;
begin
  case move ->> 'kind'
    when 'tombstone' then
      update link set state = 'tombstoned', proven_at = null, deleted_at = now_ms
       where link_id = id and record_type = move ->> 'recordType' and record_id = move ->> 'recordId'
         and state in ('linked', 'orphaned');
      if found then
        -- A second record may be there to take the link over.
        perform look_at_aliases(id, now_ms);
        perform touch_replica(id);
      end if;
    when 'restore' then
      update link set state = 'linked', proven_at = now_ms, deleted_at = null
       where link_id = id and state = 'tombstoned';
      if found then perform touch_replica(id); end if;
    when 'orphan' then
      if orphan_link(id, (move ->> 'marketoId')::bigint, now_ms) then perform touch_replica(id); end if;
    when 'record' then
      perform move_to_record(one, move ->> 'recordType', move ->> 'recordId', now_ms);
    when 'person' then
      perform move_to_person(one, (move ->> 'marketoId')::bigint, now_ms);
    when 'merge' then
      perform take_in(one, read_link(home((move ->> 'into')::bigint)), now_ms);
    when 'email' then
      -- While a record is being made, the e-mail is what keeps a twin from making another.
      if one.state = 'claimed' then return; end if;
      delete from identifier where link_id = id and kind = 'email' and value <> coalesce(move ->> 'email', '');
      if move ? 'email' then perform give_name(id, 'email', move ->> 'email'); end if;
  end case;
end $$;

-- A link in state linked with its replica. Where the record has one already, its row is only to be read again.
create function add_link(added jsonb, now_ms bigint) returns bigint language plpgsql as $$
declare
  type text := added ->> 'recordType';
  record text := added ->> 'recordId';
  email text := added ->> 'email';
  owner link := read_link(owner_of('record', record_name(type, record)));
  free boolean := email is not null and owner_of('email', email) is null;
  sides replica;
  id bigint;
begin
  if owner.link_id is not null then
    update replica
       set dynamics = null, etag = null, due_at = least(coalesce(due_at, now_ms), now_ms),
           dirty_since = coalesce(dirty_since, now_ms), version = version + 1
     where link_id = owner.link_id and owner.record_type = type and owner.record_id = record;
    return owner.link_id;
  end if;
  insert into link (state, canonical_key, record_type, record_id, generation, proven_at, created_at)
  values ('linked', case when free then 'email:' || email else 'record:' || record_name(type, record) end,
          type, record, 0, now_ms, now_ms)
  returning link_id into id;
  perform give_name(id, 'record', record_name(type, record));
  if free then perform give_name(id, 'email', email); end if;
  if added ? 'marketoId' then perform move_to_person(read_link(id), (added ->> 'marketoId')::bigint, now_ms); end if;
  sides := replica_of(added || jsonb_build_object('linkId', id, 'version', 1));
  insert into replica select sides.*;
  return id;
end $$;

-- One version a change, whatever else of it wrote the row: who saved knows the version without asking. A link that
-- was merged away by the same change has no replica any more.
create function write_replicas(replicas jsonb) returns void language sql as $$
  insert into replica
  select written.*
    from jsonb_array_elements(replicas) as one
    join link on link.link_id = (one ->> 'linkId')::bigint and link.state <> 'merged',
         replica_of(one || jsonb_build_object('version', (one ->> 'version')::bigint + 1)) as written
  on conflict (link_id) do update
     set shadow = excluded.shadow, marketo = excluded.marketo, dynamics = excluded.dynamics, etag = excluded.etag,
         marketo_seen_at = excluded.marketo_seen_at, sent = excluded.sent, restore = excluded.restore,
         intent = excluded.intent, told = excluded.told, stopped = excluded.stopped, due_at = excluded.due_at,
         dirty_since = excluded.dirty_since, priority = excluded.priority, attempts = excluded.attempts,
         epoch = excluded.epoch, version = excluded.version
$$;

-- A new failure, told in the person's log where it is about one.
create function open_failure(one link, new_failure jsonb, alias_kind text, alias_value text, now_ms bigint)
returns void language plpgsql as $$
begin
  insert into failure (link_id, side, code, field, advice, vendor_code, vendor_message, vendor_request_id,
                       other_kind, other_value, first_seen_at, last_seen_at, attempts)
  values (one.link_id, new_failure ->> 'side', new_failure ->> 'code', new_failure ->> 'field',
          new_failure ->> 'advice', new_failure ->> 'vendorCode', new_failure ->> 'vendorMessage',
          new_failure ->> 'vendorRequestId', alias_kind, alias_value, now_ms, now_ms, 1);
  if one.link_id is not null then
    perform log_activity(one.link_id, one.marketo_id, '', now_ms, 'failed',
      (jsonb_build_object('door', 'sync', 'outcome', 'failed', 'recordType', one.record_type,
                          'recordId', one.record_id) || (new_failure - 'side'))::text);
  end if;
end $$;

-- Those that were open stay open and count one more attempt, those that are not named are closed, and a new one is
-- told in the person's log. A link that was merged away has none: the one that took over is looked at anew.
create function replace_failures(id bigint, named jsonb, now_ms bigint) returns void language plpgsql as $$
declare
  one link := read_link(id);
  new_failure jsonb;
begin
  if one.state = 'merged' then return; end if;
  if id is not null and one.link_id is null then raise exception 'The store has no link %', id; end if;
  update failure as open
     set closed_at = case when one_named is null then now_ms end,
         advice = coalesce(one_named ->> 'advice', before.advice),
         vendor_code = case when one_named is null then before.vendor_code else one_named ->> 'vendorCode' end,
         vendor_message = case when one_named is null then before.vendor_message else one_named ->> 'vendorMessage' end,
         vendor_request_id = case when one_named is null then before.vendor_request_id else one_named ->> 'vendorRequestId' end,
         last_seen_at = case when one_named is null then before.last_seen_at else now_ms end,
         attempts = before.attempts + case when one_named is null then 0 else 1 end
    from failure as before
    left join jsonb_array_elements(named) as one_named
      on before.side = one_named ->> 'side' and before.code = one_named ->> 'code'
         and before.field is not distinct from one_named ->> 'field'
   where open.failure_id = before.failure_id and before.closed_at is null and before.link_id is not distinct from id
     and before.other_kind is null;
  for new_failure in
    select distinct on (each ->> 'side', each ->> 'code', each ->> 'field') each
      from jsonb_array_elements(named) with ordinality as list (each, place)
     where not exists (
       select from failure
        where closed_at is null and link_id is not distinct from id and side = each ->> 'side'
          and code = each ->> 'code' and field is not distinct from each ->> 'field' and other_kind is null)
     order by each ->> 'side', each ->> 'code', each ->> 'field', place desc
  loop
    perform open_failure(one, new_failure, null, null, now_ms);
  end loop;
end $$;

-- What a look at an alias has shown; of a link's own person or record nothing is said.
create function apply_alias(change jsonb, now_ms bigint) returns void language plpgsql as $$
declare
  alias_kind text := change ->> 'kind';
  alias_value text := change ->> 'value';
  new_failure jsonb := change -> 'failure';
  one link := read_link(owner_of(alias_kind, alias_value));
  own text := case alias_kind when 'marketo' then one.marketo_id::text
                              else record_name(one.record_type, one.record_id) end;
  before bigint;
begin
  if one.link_id is null or alias_value = own then return; end if;
  insert into alias (kind, value, due_at, seen)
  values (alias_kind, alias_value, (change ->> 'dueAt')::bigint, change ->> 'seen')
  on conflict (kind, value) do update set due_at = excluded.due_at, seen = coalesce(excluded.seen, alias.seen);
  select failure_id into before from failure
   where link_id = one.link_id and other_kind = alias_kind and other_value = alias_value and closed_at is null
   order by failure_id limit 1;
  if before is null then
    if new_failure is not null then perform open_failure(one, new_failure, alias_kind, alias_value, now_ms); end if;
  else
    update failure
       set closed_at = case when new_failure is null then now_ms end,
           advice = coalesce(new_failure ->> 'advice', advice),
           last_seen_at = case when new_failure is null then last_seen_at else now_ms end,
           attempts = attempts + case when new_failure is null then 0 else 1 end
     where failure_id = before;
  end if;
end $$;

-- Gives the ids of the new links in their order; "fenced" or, when the change is stale, null: nothing was written.
create function save_change(fence bigint, change jsonb, now_ms bigint) returns jsonb language plpgsql
set search_path from current as $$
declare
  ids bigint[] := '{}';
  one jsonb;
begin
  if not require_fence(fence) then return '"fenced"'; end if;
  perform hold_change(change);
  if is_stale(change) then return null; end if;
  perform apply_move(move, now_ms) from jsonb_array_elements(change -> 'moves') as move;
  for one in select added from jsonb_array_elements(change -> 'newLinks') as added loop
    ids := ids || add_link(one, now_ms);
  end loop;
  perform write_replicas(change -> 'replicas');
  insert into conflict (link_id, at, record_type, record_id, marketo_id, field, winner, won, lost)
  select link_id, now_ms, record_type, record_id, marketo_id, each ->> 'field', each ->> 'winner', each ->> 'won', each ->> 'lost'
    from jsonb_array_elements(change -> 'conflicts') as each
    join link on link_id = home((each ->> 'linkId')::bigint);
  perform replace_failures((set_of ->> 'linkId')::bigint, set_of -> 'failures', now_ms)
    from jsonb_array_elements(change -> 'failures') as set_of;
  perform apply_alias(each, now_ms) from jsonb_array_elements(change -> 'aliases') as each;
  -- A page in the middle of a source leaves standing when its end was last reached.
  insert into cursor (stream, position, read_at)
  select each ->> 'stream', each ->> 'position', (each ->> 'readAt')::bigint
    from jsonb_array_elements(change -> 'cursors') as each
  on conflict (stream) do update
     set position = excluded.position, read_at = coalesce(excluded.read_at, cursor.read_at);
  return to_jsonb(ids);
end $$;
