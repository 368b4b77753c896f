/** What each command prints for `--help`, as docs/reference/cli.md shows it. */
import type { Command } from 'commander'
import { makeProgram } from '../../src/cli/program.ts'

const width = 110

function* commandsOf(command: Command, path: string): Generator<[path: string, command: Command]> {
  yield [path, command]
  // Help of help tells nobody anything.
  for (const child of command.commands.filter((each) => each.name() !== 'help'))
    yield* commandsOf(child, `${path} ${child.name()}`)
}

function helpOf(command: Command): string {
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => width })
  command.outputHelp()

  // What holds for all is shown once, with the program itself.
  return help.replace(/Global Options:\n[^]*?(?:\n\n|$)/, '').trimEnd()
}

/** By the words that are typed: `errand jobs list`. */
export function helpByCommand(): Map<string, string> {
  const program = makeProgram(() => async () => {}, false)

  return new Map([...commandsOf(program, 'errand')].map(([path, command]) => [path, helpOf(command)]))
}

const block = /```console\n\$ (errand[a-z ]*?) --help\n([^]*?)```/g

/** What a page shows, by command. */
export function shownOn(page: string): Map<string, string> {
  return new Map([...page.matchAll(block)].map(([, path, help]) => [path!, help!.trimEnd()]))
}

/** The page with every block as it should be. */
export function renewed(page: string): string {
  const help = helpByCommand()

  return page.replaceAll(block, (_, path: string) => `\`\`\`console\n$ ${path} --help\n${help.get(path)}\n\`\`\``)
}
