-- Which link a person is: the part of a claim that settles identity.

-- The lowest generation from the given one on whose record id no link has ever used. Ids are derived where the
-- organisation is known, in the service: one that was not sent along is asked for by this error, and all is undone.
create function reserve_record_id(type text, key text, from_generation bigint, ids jsonb,
                                  out record_id text, out generation bigint) language plpgsql as $$
begin
  generation := from_generation;
  loop
    record_id := ids ->> concat_ws('|', type, generation, key);
    if record_id is null then
      raise exception 'a record id is needed' using errcode = 'SP001',
        detail = jsonb_build_object('recordType', type, 'canonicalKey', key, 'generation', generation);
    end if;
    exit when owner_of('record', record_name(type, record_id)) is null;
    generation := generation + 1;
  end loop;
end $$;

-- The record is proven to be gone: the next generation is reserved, and the link is claimed again.
create function raise_link(one link, type text, ids jsonb) returns void language plpgsql as $$
declare
  next record;
begin
  select * into next from reserve_record_id(type, one.canonical_key, one.generation + 1, ids);
  delete from intent where link_id = one.link_id;
  update link
     set state = 'claimed', record_type = type, record_id = next.record_id, generation = next.generation,
         proven_at = null, deleted_at = null
   where link_id = one.link_id;
  perform forget_record(one.link_id, null);
  perform give_name(one.link_id, 'record', record_name(type, next.record_id));
  -- One that is there may take the link over, once it is known whether a new record is made.
  perform look_at_aliases(one.link_id, 0);
end $$;

-- The names that a claim holds, of a list such as [{"kind": "email", "value": "a@x"}].
create function names_of(identifiers jsonb) returns text[] language sql immutable as $$
  select coalesce(array_agg(name_of(one ->> 'kind', one ->> 'value')), '{}') from jsonb_array_elements(identifiers) as one
$$;

create function value_of(identifiers jsonb, wanted text) returns text language sql immutable as $$
  select one ->> 'value' from jsonb_array_elements(identifiers) as one where one ->> 'kind' = wanted limit 1
$$;

-- Holds the links that have these names, and gives their ids. A link may be merged away while it is waited for.
create function hold_owners(identifiers jsonb, out by_marketo bigint, out by_email bigint) language plpgsql as $$
declare
  person text := value_of(identifiers, 'marketo');
  email text := value_of(identifiers, 'email');
begin
  loop
    by_marketo := owner_of('marketo', person);
    by_email := owner_of('email', email);
    perform hold_links(array[by_marketo, by_email]);
    exit when by_marketo is not distinct from owner_of('marketo', person)
          and by_email is not distinct from owner_of('email', email);
  end loop;
end $$;

-- Two links turn out to be one person (first seen by id, then by e-mail). The one that may already have sent a
-- create survives; when both may have, both stay and the Marketo id decides.
create function choose_link(by_marketo bigint, by_email bigint) returns bigint language plpgsql as $$
declare
  other link;
begin
  if by_marketo is null or by_email is null or by_marketo = by_email then return coalesce(by_marketo, by_email); end if;
  if is_blank(read_link(by_marketo)) then
    perform merge_links(by_marketo, by_email);
    return by_email;
  end if;
  other := read_link(by_email);
  if is_blank(other) and other.marketo_id is null then perform merge_links(by_email, by_marketo); end if;
  return by_marketo;
end $$;

create function insert_link(request jsonb, ids jsonb) returns bigint language plpgsql as $$
declare
  type text := request ->> 'recordType';
  reserved record;
  id bigint;
begin
  select * into reserved from reserve_record_id(type, request ->> 'canonicalKey', 0, ids);
  insert into link (state, canonical_key, record_type, record_id, generation, marketo_id, created_at)
  values ('claimed', request ->> 'canonicalKey', type, reserved.record_id, reserved.generation,
          (request ->> 'marketoId')::bigint, (request ->> 'now')::bigint)
  returning link_id into id;
  perform give_name(id, 'record', record_name(type, reserved.record_id));
  return id;
end $$;

-- The one link of the person, made if nobody has seen them yet. A deleted record is to be made anew.
create function resolve_person(request jsonb, ids jsonb) returns link language plpgsql as $$
declare
  identifiers jsonb := request -> 'identifiers';
  person bigint := (request ->> 'marketoId')::bigint;
  email text := value_of(identifiers, 'email');
  owners record;
  one link;
  id bigint;
begin
  select * into owners from hold_owners(identifiers);
  id := coalesce(choose_link(owners.by_marketo, owners.by_email), insert_link(request, ids));
  one := read_link(id);
  perform give_name(id, each ->> 'kind', each ->> 'value') from jsonb_array_elements(identifiers) as each;
  if person is not null then
    if one.marketo_id is null then perform own_link(id, person, (request ->> 'now')::bigint);
    elsif one.marketo_id <> person then perform note_alias(id, 'marketo', person::text); end if;
    -- The owner's e-mail changed: the old one is free for whoever has it now. Only once nothing is under way.
    if email is not null and one.state = 'linked' and one.marketo_id = person and owner_of('email', email) = id then
      delete from identifier where link_id = id and kind = 'email' and value <> email;
    end if;
  end if;
  if one.state = 'tombstoned' then perform raise_link(one, request ->> 'recordType', ids); end if;
  return case when one.state in ('tombstoned', 'orphaned') then read_link(id) else one end;
end $$;

create function take_lease(id bigint, request text, until_ms bigint, now_ms bigint) returns boolean
language plpgsql as $$
begin
  update link set lease_owner = request, lease_until = until_ms
   where link_id = id and state = 'claimed'
     and (lease_owner is null or lease_owner = request or lease_until <= now_ms);
  return found;
end $$;

-- An earlier request with the same Idempotency-Key, answered or not; null where there is none.
create function find_seen(request jsonb) returns jsonb language sql stable as $$
  select case when body_hash = request ->> 'bodyHash'
              then jsonb_build_object('kind', 'seen', 'row', to_jsonb(seen) - 'payload')
              else jsonb_build_object('kind', 'mismatch') end
    from request as seen
   where caller = request ->> 'caller' and idempotency_key = request ->> 'key'
$$;

-- Makes the claim: request, link, identifiers and job. What was sent twice is accepted once. The job's statement is
-- the queue's own, with its parameter.
create function accept_request(request jsonb, ids jsonb, job_sql text, job text) returns jsonb language plpgsql
set search_path from current as $$
declare
  now_ms bigint := (request ->> 'now')::bigint;
  id text := request ->> 'requestId';
  unattended boolean := (request ->> 'unattended')::boolean;
  one link;
  seen jsonb;
  leased boolean;
begin
  perform hold_names(names_of(request -> 'identifiers') ||
                     case when request ->> 'key' is null then '{}'
                          else array[concat_ws(':', 'key', request ->> 'caller', request ->> 'key')] end);
  select jsonb_build_object('kind', 'accepted', 'link', to_jsonb(claimed),
                            'leased', coalesce(claimed.lease_owner = before.request_id, false))
    into seen
    from request as before join link as claimed using (link_id)
   where before.request_id = id;
  seen := coalesce(seen, find_seen(request));
  if seen is not null then return seen; end if;

  one := resolve_person(request, ids);
  insert into request (request_id, link_id, door, caller, idempotency_key, body_hash, marketo_id, payload,
                       campaign, accepted_at)
  values (id, one.link_id, request ->> 'door', request ->> 'caller', request ->> 'key',
          request ->> 'bodyHash', (request ->> 'marketoId')::bigint, request ->> 'payload',
          request ->> 'campaign', now_ms);
  execute job_sql using job;
  if unattended then perform log_request(id, 'queued', '{}', now_ms); end if;
  leased := not unattended and take_lease(one.link_id, id, (request ->> 'leaseUntil')::bigint, now_ms);
  return jsonb_build_object('kind', 'accepted', 'link', to_jsonb(one), 'leased', leased);
end $$;

-- A blank link learns who the person is: it takes their key, or joins the link that has their e-mail.
create function identify_person(request_id text, person jsonb, new_payload text, ids jsonb) returns void
language plpgsql set search_path from current as $$
declare
  identifiers jsonb := person -> 'identifiers';
  key text := person ->> 'canonicalKey';
  one link;
  by_email bigint;
  reserved record;
begin
  perform hold_names(names_of(identifiers));
  update request set payload = new_payload
   where request.request_id = identify_person.request_id and settled_at is null;
  one := hold_link_of(request_id, owner_of('email', value_of(identifiers, 'email')));
  by_email := owner_of('email', value_of(identifiers, 'email'));
  if not is_blank(one) or by_email = one.link_id then return; end if;
  if by_email is not null then
    perform merge_links(one.link_id, by_email);
    return;
  end if;
  perform give_name(one.link_id, each ->> 'kind', each ->> 'value') from jsonb_array_elements(identifiers) as each;
  if one.canonical_key = key then return; end if;
  delete from identifier
   where kind = 'record' and value = record_name(one.record_type, one.record_id) and link_id = one.link_id;
  select * into reserved from reserve_record_id(one.record_type, key, 0, ids);
  update link set canonical_key = key, record_id = reserved.record_id, generation = reserved.generation
   where link_id = one.link_id;
  perform give_name(one.link_id, 'record', record_name(one.record_type, reserved.record_id));
end $$;
