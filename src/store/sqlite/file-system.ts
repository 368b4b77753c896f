/** Whether the file stands where several processes can share a WAL: not on a disk behind a network. */
import { statfsSync } from 'node:fs'
import { StoreUnsafeError } from '../../errors.ts'

/** By the magic numbers that Linux gives; other systems answer other numbers, and pass. */
const remote: Readonly<Record<number, string>> = {
  0x6969: 'NFS',
  0x517b: 'SMB',
  0xff534d42: 'CIFS',
  0xfe534d42: 'SMB2',
  0x01021997: '9P',
  0x65735546: 'FUSE',
  0x5346414f: 'AFS',
  0x73757245: 'Coda',
  0x00c36400: 'Ceph',
  0x47504653: 'GPFS',
  0x0bd00bd0: 'Lustre',
  0x7461636f: 'OCFS2',
  0x01161970: 'GFS2',
}

const local: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x01021994: 'tmpfs',
  0x9123683e: 'btrfs',
  0x58465342: 'xfs',
  0x794c7630: 'overlay',
  0x2fc12fc1: 'zfs',
}

/** What `statfs` says of a folder: a seam, so that a test can stand on any file system. */
export type FileSystemType = (folder: string) => number

export const fileSystemType: FileSystemType = (folder) => statfsSync(folder).type

export function fileSystemName(type: number): string {
  return remote[type >>> 0] ?? local[type >>> 0] ?? `0x${(type >>> 0).toString(16)}`
}

export const isRemote = (type: number): boolean => type >>> 0 in remote

/** An overlay is a container's own layer: locks hold there, but the file dies with the container. */
export const isOverlay = (type: number): boolean => type >>> 0 === 0x794c7630

export function refuseRemote(path: string, folder: string, typeOf: FileSystemType): void {
  const type = typeOf(folder)
  if (!isRemote(type)) return

  throw new StoreUnsafeError(
    `The folder of ${path} is on ${fileSystemName(type)}. Network file systems break the locks that keep several processes apart, ` +
      `and jobs would be lost. Put the store on a local disk, or use an engine with a server. If you know that the locks of this one ` +
      `hold, pass \`allowNetworkFileSystem: true\`.`,
  )
}
