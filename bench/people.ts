import type { LoadRequest } from './load.ts'

/** Bodies of so many people whom nobody has seen; `group` keeps the groups apart. */
export function newPeople(group: string, count: number): LoadRequest[] {
  return Array.from({ length: count }, (_, index) => ({
    body: JSON.stringify({
      person: {
        email: `${group}.${index}@example.com`,
        firstName: 'Ann',
        lastName: `Ek ${index}`,
        company: 'Ek AB',
        title: 'Head of Purchasing',
        phone: '+46 8 123 456 78',
      },
      campaign: { id: 2044, name: 'Spring Fair', type: 'trigger' },
    }),
  }))
}

/** So many requests: half for new people, half for the same people again, `gap` people later. */
export function halfKnown(group: string, count: number, gap: number): LoadRequest[] {
  const people = newPeople(group, Math.ceil(count / 2))
  return [
    ...people.slice(0, gap),
    ...people.slice(gap).flatMap((person, index) => [people[index] ?? person, person]),
    ...people.slice(-gap),
  ]
}
