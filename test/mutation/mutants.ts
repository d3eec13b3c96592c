import { bounding } from './bounding.ts'
import { calling } from './calling.ts'
import { creating } from './creating.ts'
import { deciding } from './deciding.ts'
import { keeping } from './keeping.ts'
import { leading } from './leading.ts'
import type { Mutant } from './mutant.ts'
import { pairing } from './pairing.ts'
import { standing } from './standing.ts'
import { takingIn } from './taking-in.ts'
import { timing } from './timing.ts'
import { writing } from './writing.ts'

/** Every guard that `npm run mutate` takes out. */
export const mutants: readonly Mutant[] = [
  ...deciding,
  ...writing,
  ...takingIn,
  ...calling,
  ...leading,
  ...pairing,
  ...keeping,
  ...standing,
  ...timing,
  ...creating,
  ...bounding,
]
