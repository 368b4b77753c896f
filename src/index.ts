/** The front door: everything that may be relied on, by name. */

// The app.
export { Errand } from './errand.ts'
export { errandDefaults } from './errand-options.ts'
export type { ErrandOptions } from './errand-options.ts'

// What people write.
export { shape } from './task/schema.ts'
export { currentJob } from './task/context.ts'
export { taskDefaults } from './task/definition.ts'
export { retryDefaults } from './retry.ts'
export type { StandardSchema } from './task/schema.ts'
export type {
  BatchAnswer,
  BatchContext,
  BatchHandler,
  BatchItem,
  BatchJob,
  BatchOptions,
  DeclaredBatch,
} from './task/batch.ts'
export type { LimitOptions, QueueOptions, TaskOrder } from './task/limits.ts'
export type { RateValue } from './task/rate.ts'
export type { AnyTask, Declared, Handler, Task, TaskOptions } from './task/task.ts'
export type {
  FollowUpOptions,
  JobContext,
  JobLog,
  ProgressOptions,
  RunOptions,
  SucceedOptions,
} from './task/context.ts'
export type { DraftJob, Middleware } from './task/middleware.ts'
export type { RetryOptions } from './retry.ts'
export type { Stored } from './task/stored.ts'
export type { Duration } from './duration.ts'
export type { FollowUpInput } from './store/store.ts'

// Asking for work, and about it.
export type { Dependency, EnqueueOptions, UniqueOptions } from './client/enqueue-options.ts'
export type { JobHandle, JobUpdate, ReadOptions } from './client/handle.ts'
export type { JobInfo } from './client/job-info.ts'
export type { AttemptInfo, LogLine } from './client/history.ts'
export type { BulkAnswer, BulkOptions, JobsPage, JobsQuery, PageOptions } from './client/queries.ts'
export type { LimitInfo, Limits, LimitsPage, LimitsQuery, NewLimit } from './client/limits.ts'
export type { Queue, QueueInfo } from './client/queue.ts'
export type { CountedTime, RunCount } from './client/run-counts.ts'
export type { JobEvent, JobNews } from './client/watch.ts'
export type { WorkerInfo } from './client/worker-info.ts'
export type { TaskInfo } from './task/registry.ts'
export type {
  CancelAnswer,
  ChangeAnswer,
  EventFilter,
  Inspection,
  JobEventKind,
  RemoveAnswer,
  RetryAnswer,
} from './store/store.ts'
export type { FinalState, JobError, JobState, LogLevel, Priority, Progress } from './job.ts'

// Doing it.
export { workerDefaults } from './worker/options.ts'
export type { StopOptions, Worker, WorkerHealth } from './worker/worker.ts'
export type { WorkerOptions } from './worker/options.ts'

// Doing it again and again.
export type { Beat, StartOptions } from './schedule/beat.ts'
export type { ScheduleOptions, ScheduleRule } from './schedule/rule.ts'
export type { ScheduleInfo, Schedules } from './schedule/schedules.ts'
export type { When } from './schedule/when.ts'

// Work made of work.
export { chain, chord, group, mapEach, settled } from './workflow/compose.ts'
export { defineSignal } from './workflow/signal.ts'
export { workflow } from './workflow/workflow.ts'
export type { DefinedSignal } from './workflow/signal.ts'
export type {
  AfterOptions,
  DefinedWorkflow,
  Ref,
  WaitOptions,
  Wired,
  WorkflowBuilder,
  WorkflowNode,
} from './workflow/workflow.ts'
export type { SignalAnswer, Workflow } from './workflow/handle.ts'
export type { WorkflowsPage, WorkflowSummary } from './workflow/list.ts'
export type { WorkflowInfo, WorkflowState, WorkflowStep } from './workflow/overview.ts'
export type { AnyStep, Settled, Step, StepOptions } from './task/step.ts'

// What happens.
export type { EventName, Events, JobRun, Listener } from './events/events.ts'

// Keeping it: for authors of engines.
export type * as StoreContract from './store/store.ts'
export type { Store } from './store/store.ts'
export { postgresStore, redisStore } from './store/open.ts'
export type { PostgresOptions, RedisOptions, StoreOpener } from './store/open.ts'
export { systemEnv } from './env.ts'
export type { Env } from './env.ts'

// Errors: what handlers throw to say more than "failed", and what callers may meet.
export { Cancelled, Fatal, RetryAfter } from './errors.ts'
export {
  AlreadySucceededError,
  BatchAnswerError,
  ClaimLostError,
  DuplicateScheduleError,
  DuplicateStepError,
  DuplicateTaskError,
  ErrandError,
  FlowChangedError,
  FlowTimeoutError,
  HandlerError,
  IdConflictError,
  InvalidInputError,
  InvalidOptionError,
  InvalidResultError,
  JobCancelledError,
  JobExpiredError,
  JobFailedError,
  JobNotFoundError,
  JobTimeoutError,
  LeaseLostError,
  MissingResultError,
  MoveConflictError,
  MoveRefusedError,
  NoJobError,
  NotStorableError,
  PartlyEnqueuedError,
  PayloadTooLargeError,
  ResultGoneError,
  ScheduleNotFoundError,
  SignalNotFoundError,
  ResultTimeoutError,
  RolledBackError,
  StoreAwayError,
  StoreBusyError,
  StoreClosedError,
  StoreFullError,
  StoreOpenError,
  StoreRefusedError,
  StoreTooNewError,
  StoreUnsafeError,
  TickRefusedError,
  TransactionError,
  UnknownDependencyError,
  UnknownOptionError,
  UnknownOutcomeError,
  UnknownTaskError,
  WorkerLostError,
  WorkerStoppingError,
  WouldDeadlockError,
} from './errors.ts'
