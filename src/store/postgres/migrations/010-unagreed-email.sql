-- By which records without a person are found when somebody with their e-mail comes.
create index replica_unagreed_email on replica (lower(dynamics::json ->> 'email')) where shadow is null;
