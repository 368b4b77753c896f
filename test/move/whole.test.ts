import { sqliteHome } from './sqlite-home.ts'
import { asked, carriedWhole } from './whole.ts'

carriedWhole(sqliteHome(), asked)
