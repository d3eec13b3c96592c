-- People are found by e-mails without characters that cannot be seen: names of the form before gain the new one, and
-- keep theirs for a version that runs beside this one. The characters are \p{Cf}, \p{Default_Ignorable_Code_Point},
-- U+FFFE and U+FFFF.
insert into identifier (kind, value, link_id)
select kind, visible.email, link_id
  from identifier,
       lateral (select btrim(normalize(regexp_replace(value,
                  '[\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f'
                  '\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff'
                  '\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a'
                  '\U000e0000-\U000e0fff]', '', 'g'), NFKC),
                  E' \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a'
                  '\u2028\u2029\u202f\u205f\u3000') as email) as visible
 where kind = 'email' and visible.email <> value
 order by link_id
on conflict do nothing;
