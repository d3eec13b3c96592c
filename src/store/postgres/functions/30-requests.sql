-- What becomes of a request: taken up, sent, ended, answered.

create function require_request(id text) returns request language plpgsql stable as $$
declare
  one request;
begin
  select * into one from request where request_id = id;
  if not found then raise exception 'The store has no request %', id; end if;
  return one;
end $$;

-- Holds the request's link, and another one beside it. The link may be merged away while it is waited for: its open
-- requests then have another.
create function hold_link_of(id text, beside bigint default null) returns link language plpgsql as $$
declare
  linked_to bigint;
begin
  loop
    linked_to := (require_request(id)).link_id;
    perform hold_links(array[linked_to, beside]);
    exit when (require_request(id)).link_id = linked_to;
  end loop;
  return read_link(linked_to);
end $$;

-- `details` as a JSON text without door and campaign, which the request knows.
create function log_request(id text, result text, details jsonb, now_ms bigint) returns void
language plpgsql as $$
declare
  one request := require_request(id);
begin
  perform log_activity(one.link_id, one.marketo_id, id, now_ms, result,
    (details || jsonb_build_object('door', one.door, 'outcome', result)
     || case when one.campaign is null then '{}' else jsonb_build_object('campaign', one.campaign::jsonb) end)::text);
end $$;

-- For what can be derived again, as on SQLite: it outlives the service at once, and the database's machine a moment
-- later. The person is looked up by the claim's record id before anything is made.
create function commit_soon() returns void language sql as $$
  select set_config('synchronous_commit', 'off', true)
$$;

-- The link's lease goes to the request if it is free, expired or its own. Null: unknown request.
create function take_up(id text, until_ms bigint, now_ms bigint) returns jsonb
language plpgsql set search_path from current as $$
declare
  one request;
  claimed link;
begin
  select * into one from request where request_id = id;
  if not found then return null; end if;
  perform commit_soon();
  claimed := hold_link_of(id);
  one := require_request(id);
  return jsonb_build_object(
    'row', to_jsonb(one), 'link', to_jsonb(claimed),
    'leased', one.settled_at is null and take_lease(claimed.link_id, id, until_ms, now_ms));
end $$;

-- Null: the link was linked, merged or re-generated meanwhile.
create function store_intent(id text, expected_record text, new_columns text, now_ms bigint) returns jsonb
language plpgsql set search_path from current as $$
declare
  one link := hold_link_of(id);
  before intent;
  after intent;
begin
  perform commit_soon();
  if (require_request(id)).settled_at is not null or one.state <> 'claimed' or one.record_id <> expected_record then
    return null;
  end if;
  select * into before from intent where link_id = one.link_id and generation = one.generation;
  -- Keeps the first request that may have made the record, unless that request has ended.
  insert into intent (link_id, generation, request_id, columns, stored_at)
  values (one.link_id, one.generation, id, new_columns, now_ms)
  on conflict (link_id, generation) do update
     set request_id = excluded.request_id, columns = excluded.columns, stored_at = excluded.stored_at
   where not exists (select from request where request_id = intent.request_id and settled_at is null);
  select * into after from intent where link_id = one.link_id and generation = one.generation;
  return jsonb_build_object('columns', case when after.request_id = id then after.columns else new_columns end,
                            'resumed', before.request_id is not null);
end $$;

-- The record belongs to the link that named it first; a later one is merged into that. Tells whether this request's
-- own intent made the record.
create function link_record(one link, id text, settlement jsonb, now_ms bigint) returns boolean
language plpgsql as $$
declare
  type text := settlement ->> 'recordType';
  proven_id text := settlement ->> 'recordId';
  at_ms bigint := (settlement ->> 'provenAt')::bigint;
  latest_ms bigint := now_ms + 5000;
  mine boolean := exists (select from intent
                           where link_id = one.link_id and generation = one.generation and request_id = id);
  owner bigint := owner_of('record', record_name(type, proven_id));
  place link := one;
  gone bigint := (settlement ->> 'gone')::bigint;
  made_with text := (select columns from intent
                      where link_id = one.link_id and generation = one.generation and request_id = id
                        and one.record_type = type and one.record_id = proven_id);
  person bigint := coalesce(nullif(one.marketo_id, gone), (require_request(id)).marketo_id);
begin
  if mine then delete from intent where link_id = one.link_id and request_id = id; end if;
  if owner <> one.link_id then
    perform merge_links(one.link_id, owner);
    place := read_link(owner);
  end if;
  -- Marketo does not know the link's own person any more.
  if gone is not null then
    if place.marketo_id = gone then perform orphan_link(place.link_id, gone, now_ms); end if;
    place := read_link(place.link_id);
  end if;
  -- A look at the record that is older than the word of its deletion proves nothing. What is dated later than now has
  -- the time of a clock that was wrong: see clock.ts for how far clocks may differ.
  update link
     set state = case state when 'orphaned' then 'orphaned' else 'linked' end,
         record_type = type, record_id = proven_id,
         proven_at = case when proven_at between at_ms and latest_ms then proven_at else at_ms end, deleted_at = null, lease_owner = null, lease_until = 0
   where link_id = place.link_id
     and not (state = 'tombstoned' and record_id = proven_id and deleted_at between at_ms and latest_ms);
  if found then
    perform give_name(place.link_id, 'record', record_name(type, proven_id));
    -- A link that was linked to this record already has nothing new to be synced.
    if place.record_type <> type or place.record_id <> proven_id then
      perform forget_alias(place.link_id, 'record', record_name(type, proven_id), now_ms);
      if place.state in ('linked', 'orphaned') then
        perform note_alias(place.link_id, 'record', record_name(place.record_type, place.record_id));
      end if;
      perform forget_record(place.link_id, now_ms);
    elsif place.state in ('linked', 'orphaned') then
      insert into replica (link_id, due_at, dirty_since) values (place.link_id, now_ms, now_ms) on conflict do nothing;
    else
      perform wake_replica(place.link_id, now_ms);
    end if;
    -- What the record was made with is what both sides agree on first.
    if made_with is not null then
      update replica
         set intent = json_build_object('intentId', id, 'at', now_ms, 'created', made_with::json)::text,
             version = version + 1
       where link_id = place.link_id and shadow is null and intent is null;
    end if;
  end if;
  -- The person may be another link's by now: deleted in Marketo, and sent anew.
  if place.marketo_id is null and owner_of('marketo', person::text) = place.link_id then
    perform own_link(place.link_id, person, now_ms);
  end if;
  return mine and one.record_type = type and one.record_id = proven_id;
end $$;

-- Ends a request: link, outcome, activity and job in one. A settled request keeps its first outcome, which is given.
create function settle_request(id text, settlement jsonb, now_ms bigint, job_sql text, queue text, jobs text[])
returns jsonb
language plpgsql set search_path from current as $$
declare
  kind text := settlement ->> 'kind';
  detail jsonb := settlement - 'kind' - 'provenAt' - 'gone';
  before request := require_request(id);
  proven text := case kind when 'linked' then record_name(settlement ->> 'recordType', settlement ->> 'recordId') end;
  owner bigint;
  one link;
  result text;
begin
  if before.outcome is not null then
    return jsonb_build_object('outcome', before.outcome, 'isFirst', before.settled_at = now_ms);
  end if;
  if proven is null then
    one := hold_link_of(id);
  else
    perform hold_names(array[name_of('record', proven)]);
    loop
      owner := owner_of('record', proven);
      one := hold_link_of(id, owner);
      exit when owner is not distinct from owner_of('record', proven);
    end loop;
  end if;
  before := require_request(id);
  if before.outcome is not null then
    return jsonb_build_object('outcome', before.outcome, 'isFirst', before.settled_at = now_ms);
  end if;
  update link set lease_owner = null, lease_until = 0 where lease_owner = id;
  case kind
    when 'linked' then
      result := case when link_record(one, id, settlement, now_ms) then 'created' else 'exists' end;
    when 'ambiguous' then
      result := 'exists';
    when 'failed' then
      delete from intent where link_id = one.link_id and request_id = id;
      result := 'failed';
  end case;
  detail := jsonb_build_object('outcome', result) || detail;
  update request set outcome = detail::text, settled_at = now_ms, payload = '' where request_id = id;
  perform log_request(id, result, detail, now_ms);
  execute job_sql using queue, jobs;
  return jsonb_build_object('outcome', detail::text, 'isFirst', true);
end $$;

-- 404 for the linked id, or a tombstone: the next generation is reserved, and the link is claimed again.
create function confirm_deleted(id text, gone_record text, type text, ids jsonb) returns void
language plpgsql set search_path from current as $$
declare
  one link := hold_link_of(id);
begin
  if one.state in ('claimed', 'merged') or one.record_id <> gone_record then return; end if;
  perform raise_link(one, type, ids);
end $$;

-- Remembers the answer of a keyed request: the first one wins and is given. Logs `queued` once, with this reason
-- unless an attempt has left a later one.
create function record_answer(id text, new_status bigint, new_body text, waiting_for jsonb, now_ms bigint,
                              out answer_status bigint, out answer_body text)
language plpgsql set search_path from current as $$
declare
  one link := hold_link_of(id);
  before request := require_request(id);
begin
  update request
     set next_attempt_at = (waiting_for ->> 'nextAttemptAt')::bigint, waiting_code = waiting_for ->> 'code',
         waiting = waiting_for ->> 'detail'
   where request_id = id and waiting_for is not null and settled_at is null and waiting is null;
  if waiting_for is not null and before.settled_at is null and not exists (
    select from activity where link_id = before.link_id and request_id = id and outcome = 'queued'
  ) then
    perform log_request(id, 'queued', '{}', now_ms);
  end if;
  update request set answer_status = new_status, answer_body = new_body
   where request_id = id and idempotency_key is not null and request.answer_status is null;
  select request.answer_status, request.answer_body into answer_status, answer_body
    from request where request_id = id;
end $$;
