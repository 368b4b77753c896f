'use strict'

/*
 * Ends the process with one line when this Node is older than package.json asks for.
 *
 * An older Node must be able to read this file and whoever requires it, so both keep
 * to syntax and modules that Node has had for years. TypeScript is loaded afterwards.
 */

const oldest = require('../package.json').engines.node.replace('>=', '')

function isOlder(version, wanted) {
  const [major, minor] = version.split('.').map(Number)
  const [wantedMajor, wantedMinor] = wanted.split('.').map(Number)

  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor)
}

if (isOlder(process.versions.node, oldest)) {
  console.error(
    'Errand needs Node ' + oldest + ' or newer, this is ' + process.versions.node + ' (' + process.execPath + ').',
  )
  process.exit(1)
}
