import type { Lab } from './lab.ts'
import type { Trait } from './traits.ts'

/** An import follows its deletion within this time: before Marketo's feed has told of it, or long after. */
const GAP_MS_MAX = 1_800_000

/** People are deleted and imported anew: the same e-mail, another id. Their record goes on with the new one (S18). */
export const reimports: Trait = {
  name: 'reimports',
  share: 0.3,
  deed: { everyMs: 600_000, run: reimport },
}

function reimport(lab: Lab): void {
  const { scheduler, marketo, humans } = lab
  const named = [...marketo.people.values()].filter(({ fields }) => fields.microsoftRecordId && fields.email)
  const person = named[scheduler.between(0, named.length - 1)]
  if (person === undefined) return
  const { email = null, lastName = null } = person.fields
  humans.removePerson(person.id)
  scheduler.at(scheduler.between(1, GAP_MS_MAX), () => {
    const id = humans.person({ email, lastName })
    if (scheduler.chance(0.3)) void lab.campaign.send(id, 'lead')
  })
}
