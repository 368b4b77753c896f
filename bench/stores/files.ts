import fs from 'node:fs/promises'
import path from 'node:path'
import type { Stores, Template } from './stores.ts'

/** A folder for each turn. */
export async function fileStores({ folder }: { folder: string }): Promise<Stores> {
  const filled = async ({ name, fill }: Template) => {
    const place = path.join(folder, name)
    if ((await fs.mkdir(place, { recursive: true })) !== undefined) await fill(place)

    return place
  }

  return {
    version: process.versions.sqlite ?? 'unknown',
    settings: 'each side at its own, see there',
    async open(template) {
      const address = await fs.mkdtemp(path.join(folder, 'store-'))
      if (template) await fs.cp(await filled(template), address, { recursive: true })

      return { address, close: () => fs.rm(address, { recursive: true, force: true }) }
    },
    close: async () => {},
  }
}
