import type { Chance } from './chance.ts'

const FIRST = ['Ann', 'Bo', 'Cleo', 'Dag', 'Eva', 'Finn', 'Greta', 'Hugo', 'Inés', 'Jörg', 'Kim', 'Lotta']
const LAST = ['Ek', 'Alm', "O'Brien", 'Lind', 'Haddad', 'Rossi', 'Nguyen', 'Øberg', 'Smith-Jones', 'Żak']
const COMPANIES = ['Ek & Co', 'Alm AB', 'Lind Ltd', 'Rossi SpA', 'Haddad "H" Inc', 'Øberg A/S']
const TITLES = ['Buyer', 'CEO', 'Chief of Staff', 'Engineer', 'Head of Sales', 'Owner', 'Trainee']

export interface Identity {
  firstName: string
  lastName: string
  email: string
  company: string
}

/** Somebody new, with an address of their own. */
export function somebody(chance: Chance): Identity {
  const [firstName = '', lastName = ''] = [chance.pick(FIRST), chance.pick(LAST)]
  return {
    firstName,
    lastName,
    email: `person.${chance.below(2 ** 40).toString(36)}@example.com`,
    company: chance.pick(COMPANIES) ?? '',
  }
}

export function title(chance: Chance): string {
  return `${chance.pick(TITLES)} ${chance.below(100)}`
}

export function phone(chance: Chance): string {
  return `+1 555 01${String(chance.below(100)).padStart(2, '0')}`
}
