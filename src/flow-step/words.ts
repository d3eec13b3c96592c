/** The languages of Marketo's own pages. Each text of the service definition is there in all of them. */
export const LOCALES = ['en_US', 'de_DE', 'fr_FR', 'nl_NL', 'ja_JP', 'es_ES'] as const
export type Locale = (typeof LOCALES)[number]
export type Words = Readonly<Record<Locale, string>>

/** In the order of LOCALES. */
function words(...texts: [string, string, string, string, string, string]): Words {
  const [en_US, de_DE, fr_FR, nl_NL, ja_JP, es_ES] = texts
  return { en_US, de_DE, fr_FR, nl_NL, ja_JP, es_ES }
}

/** The same text in every language: names of people. */
export function sameInAll(text: string): Words {
  return words(text, text, text, text, text, text)
}

/** A text in each language, made from its own words. */
export function inEach<T>(make: (locale: Locale) => T): Record<Locale, T> {
  const [en_US, de_DE, fr_FR, nl_NL, ja_JP, es_ES] = LOCALES
  return {
    [en_US]: make(en_US),
    [de_DE]: make(de_DE),
    [fr_FR]: make(fr_FR),
    [nl_NL]: make(nl_NL),
    [ja_JP]: make(ja_JP),
    [es_ES]: make(es_ES),
  }
}

export const SERVICE = {
  name: words(
    'Sync Person to Microsoft',
    'Person mit Microsoft synchronisieren',
    'Synchroniser la personne avec Microsoft',
    'Persoon synchroniseren met Microsoft',
    '人物を Microsoft に同期',
    'Sincronizar persona con Microsoft',
  ),
  filterName: words(
    'Person Was Synced to Microsoft',
    'Person wurde mit Microsoft synchronisiert',
    'La personne a été synchronisée avec Microsoft',
    'Persoon is gesynchroniseerd met Microsoft',
    '人物が Microsoft に同期された',
    'La persona se sincronizó con Microsoft',
  ),
  triggerName: words(
    'Person Is Synced to Microsoft',
    'Person wird mit Microsoft synchronisiert',
    'La personne est synchronisée avec Microsoft',
    'Persoon wordt gesynchroniseerd met Microsoft',
    '人物が Microsoft に同期される',
    'La persona se sincroniza con Microsoft',
  ),
  description: words(
    'Makes sure that the person exists in Dynamics 365: creates the lead or contact if it is missing, changes nothing if it exists.',
    'Sorgt dafür, dass die Person in Dynamics 365 vorhanden ist: legt den Lead oder Kontakt an, wenn er fehlt, und ändert nichts, wenn er vorhanden ist.',
    'Garantit que la personne existe dans Dynamics 365 : crée le prospect ou le contact s’il manque, ne modifie rien s’il existe.',
    'Zorgt dat de persoon in Dynamics 365 bestaat: maakt de lead of contactpersoon als die ontbreekt en wijzigt niets als die bestaat.',
    '人物が Dynamics 365 に存在するようにします。ない場合はリードまたは連絡先を作成し、ある場合は何も変更しません。',
    'Garantiza que la persona exista en Dynamics 365: crea el cliente potencial o el contacto si falta y no cambia nada si ya existe.',
  ),
}

export const SYNC_AS = {
  name: words(
    'Sync As',
    'Synchronisieren als',
    'Synchroniser comme',
    'Synchroniseren als',
    '同期の種類',
    'Sincronizar como',
  ),
  description: words(
    'What to create if the person is not in Dynamics yet. A lead unless you choose otherwise.',
    'Was angelegt wird, wenn die Person noch nicht in Dynamics ist. Ohne Auswahl ein Lead.',
    'Ce qui est créé si la personne n’est pas encore dans Dynamics. Un prospect, sauf autre choix.',
    'Wat er gemaakt wordt als de persoon nog niet in Dynamics staat. Zonder keuze een lead.',
    '人物がまだ Dynamics にない場合に作成するもの。選択しない場合はリードです。',
    'Qué se crea si la persona aún no está en Dynamics. Un cliente potencial, salvo que se elija otra cosa.',
  ),
  choices: {
    lead: words('Lead', 'Lead', 'Prospect', 'Lead', 'リード', 'Cliente potencial'),
    contact: words('Contact', 'Kontakt', 'Contact', 'Contactpersoon', '連絡先', 'Contacto'),
  },
}

export const ASSIGN_TO = {
  name: words('Assign To', 'Zuweisen an', 'Attribuer à', 'Toewijzen aan', '割り当て先', 'Asignar a'),
  description: words(
    'Who owns a new record: choose a user, or enter a token or the e-mail address of a Dynamics user. Empty: the service’s own user.',
    'Wem ein neuer Datensatz gehört: einen Benutzer auswählen oder ein Token oder die E-Mail-Adresse eines Dynamics-Benutzers eingeben. Leer: der Benutzer des Dienstes.',
    'À qui appartient un nouvel enregistrement : choisissez un utilisateur, ou saisissez un jeton ou l’adresse e-mail d’un utilisateur Dynamics. Vide : l’utilisateur du service.',
    'Van wie een nieuwe record is: kies een gebruiker, of voer een token of het e-mailadres van een Dynamics-gebruiker in. Leeg: de gebruiker van de service.',
    '新しいレコードの所有者。ユーザーを選択するか、トークンまたは Dynamics ユーザーのメールアドレスを入力します。空の場合はサービスのユーザーになります。',
    'A quién pertenece un registro nuevo: elija un usuario o escriba un token o el correo electrónico de un usuario de Dynamics. Vacío: el usuario del servicio.',
  ),
}

/** What the activity of a person says, by attribute. */
export const ANSWER = {
  outcome: {
    name: words('Outcome', 'Ergebnis', 'Résultat', 'Resultaat', '結果', 'Resultado'),
    description: words(
      'created, exists, queued or failed.',
      'created (angelegt), exists (vorhanden), queued (eingereiht) oder failed (fehlgeschlagen).',
      'created (créé), exists (existe), queued (en attente) ou failed (échec).',
      'created (gemaakt), exists (bestaat), queued (in de wachtrij) of failed (mislukt).',
      'created (作成)、exists (既存)、queued (待機中)、failed (失敗) のいずれか。',
      'created (creado), exists (existe), queued (en cola) o failed (error).',
    ),
  },
  recordType: {
    name: words(
      'Record Type',
      'Datensatztyp',
      'Type d’enregistrement',
      'Recordtype',
      'レコードの種類',
      'Tipo de registro',
    ),
    description: words(
      'lead or contact.',
      'lead (Lead) oder contact (Kontakt).',
      'lead (prospect) ou contact.',
      'lead of contact (contactpersoon).',
      'lead (リード) または contact (連絡先)。',
      'lead (cliente potencial) o contact (contacto).',
    ),
  },
  recordId: {
    name: words(
      'Record Id',
      'Datensatz-ID',
      'ID d’enregistrement',
      'Record-id',
      'レコード ID',
      'Id. de registro',
    ),
    description: words(
      'Id of the record in Dynamics.',
      'ID des Datensatzes in Dynamics.',
      'ID de l’enregistrement dans Dynamics.',
      'Id van de record in Dynamics.',
      'Dynamics のレコードの ID。',
      'Id. del registro en Dynamics.',
    ),
  },
  code: {
    name: words('Code', 'Code', 'Code', 'Code', 'コード', 'Código'),
    description: words(
      'Reason for an unusual outcome; the service’s documentation explains each code.',
      'Warum es nicht wie üblich verlief; die Dokumentation des Dienstes erklärt jeden Code.',
      'Pourquoi cela ne s’est pas passé comme d’habitude ; la documentation du service explique chaque code.',
      'Waarom het niet ging zoals gewoonlijk; de documentatie van de service legt elke code uit.',
      '通常どおりに完了しなかった理由。各コードはサービスのドキュメントで説明されています。',
      'Por qué no fue como de costumbre; la documentación del servicio explica cada código.',
    ),
  },
  advice: {
    name: words('Advice', 'Ratschlag', 'Conseil', 'Advies', '対処方法', 'Consejo'),
    description: words(
      'What to do about it, in English.',
      'Was zu tun ist, auf Englisch.',
      'Que faire, en anglais.',
      'Wat te doen, in het Engels.',
      '対処方法 (英語)。',
      'Qué hacer, en inglés.',
    ),
  },
}

/** What comes back into fields of the person. */
export const WRITTEN_BACK = {
  microsoftRecordId: words(
    'Id of the lead or contact in Dynamics 365.',
    'ID des Leads oder Kontakts in Dynamics 365.',
    'ID du prospect ou du contact dans Dynamics 365.',
    'Id van de lead of contactpersoon in Dynamics 365.',
    'Dynamics 365 のリードまたは連絡先の ID。',
    'Id. del cliente potencial o del contacto en Dynamics 365.',
  ),
  microsoftType: words(
    'Lead or Contact: what the person is in Dynamics 365.',
    'Lead oder Contact: was die Person in Dynamics 365 ist.',
    'Lead ou Contact : ce que la personne est dans Dynamics 365.',
    'Lead of Contact: wat de persoon in Dynamics 365 is.',
    'Lead または Contact。Dynamics 365 での人物の種類です。',
    'Lead o Contact: lo que la persona es en Dynamics 365.',
  ),
}

/** Where a field goes; `columns` are names of Dynamics, which has them in English only. */
export function sentTo(columns: string): Words {
  return words(
    `Written to ${columns} of a new record.`,
    `Geht in ${columns} eines neuen Datensatzes.`,
    `Va dans ${columns} d’un nouvel enregistrement.`,
    `Gaat naar ${columns} van een nieuwe record.`,
    `新しいレコードの ${columns} に入ります。`,
    `Va a ${columns} de un registro nuevo.`,
  )
}

export const FINDS_RECORD = words(
  'Used to find the person in Dynamics.',
  'Findet die Person in Dynamics.',
  'Trouve la personne dans Dynamics.',
  'Vindt de persoon in Dynamics.',
  'Dynamics で人物を検索するために使われます。',
  'Encuentra a la persona en Dynamics.',
)
