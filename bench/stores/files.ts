import fs from 'node:fs/promises'
import path from 'node:path'
import type { Stores, Template } from './stores.ts'

/** A folder for each turn. */
export async function fileStores({ folder }: { folder: string }): Promise<Stores> {
  const templates = new Set<string>()
  const filled = async ({ name, fill }: Template) => {
    const place = path.join(folder, name)
    if (templates.has(name)) return place

    // What a failed attempt has left is no template.
    await fs.rm(place, { recursive: true, force: true })
    await fs.mkdir(place)
    await fill(place)
    templates.add(name)
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
