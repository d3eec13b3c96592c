import type { MarketoSandbox } from './sandbox.ts'

const PEOPLE = [
  {
    email: 'maja.lind@example.com',
    firstName: 'Maja',
    lastName: 'Lind',
    company: 'Lind & Berg AB',
    title: 'Buyer',
  },
  {
    email: 'omar.haddad@example.com',
    firstName: 'Omar',
    lastName: 'Haddad',
    company: 'Haddad Ltd',
    leadScore: 42,
  },
  {
    email: 'sofia.rossi@example.com',
    firstName: 'Sofia',
    lastName: 'Rossi',
    company: 'Rossi SpA',
    phone: '+39 555 0100',
  },
  { email: 'conor.obrien@example.com', firstName: 'Conor "Con"', lastName: "O'Brien", company: 'Obi & Sons' },
  { firstName: 'Nameless', company: 'Nobody Inc' },
]

/** A few people for a fresh subscription, 1001 and up: one with every kind of quote, one without an address. */
export function seedStockPeople(marketo: MarketoSandbox): void {
  for (const person of PEOPLE) marketo.seed(person)
}
