/** `errand help`: Commander's own shows the whole program's help for a command that does not exist. */
import type { Command } from 'commander'
import { unknownCommand } from './unknown-command.ts'

export function addHelp(program: Command): void {
  program
    .command('help')
    .description('display help for command')
    .argument('[command...]')
    .action((words: string[]) => commandOf(program, words).help())
    .helpOption(false)
}

/** @throws UsageError */
function commandOf(group: Command, [name, ...deeper]: readonly string[]): Command {
  if (name === undefined) return group
  const found = group.commands.find((command) => command.name() === name)
  if (found) return commandOf(found, deeper)

  throw unknownCommand(
    name,
    group.commands.map((command) => command.name()),
    group.parent ? group.name() : '',
  )
}
