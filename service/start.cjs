'use strict'

/*
 * Starts the service. In old syntax, so that an older Node can say in one line that it is too old.
 */

require('../bin/node-version.cjs')

void import('./start.ts')
