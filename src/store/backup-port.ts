export interface Backup {
  /** Of its file, in BACKUP_DIR. */
  name: string
  bytes: number
  /** Epoch ms. */
  takenAt: number
}

/** Absent where the database has its own: PostgreSQL. */
export type MakeBackup = () => Promise<Backup>
