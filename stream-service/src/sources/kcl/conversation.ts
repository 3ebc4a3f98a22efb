// One shard's conversation with the daemon, over the socket of its relay: questions come one at a time, and each is
// answered when its handler is done. The daemon listens for checkpoints only while it waits for an answer.
import type { Socket } from 'node:net'
import { MillraceError } from '@millrace/shared/errors'
import type { Position } from '../../records/record.ts'
import { LinePieces } from './line-pieces.ts'
import { type CheckpointReply, checkpointLine, type Question, readMessage, statusLine } from './protocol.ts'

export interface ConversationHandler {
  /** The question is answered when the promise resolves. A rejection ends the conversation. */
  answer(question: Question): Promise<void>
  /** The conversation is over, and nothing else is called after it. `error` when the daemon broke the protocol or a handler failed. */
  closed(error: Error | undefined): void
}

/** The daemon did not take a checkpoint; `exception` is the simple name of the Java exception. */
export class CheckpointRefusedError extends MillraceError {
  readonly exception: string

  constructor(exception: string, position: string) {
    super('checkpoint-refused', `the KCL daemon refused the checkpoint at ${position}: ${exception}`)
    this.exception = exception
  }
}

/** The daemon is no longer there to take a checkpoint. */
export class ConversationClosedError extends MillraceError {
  constructor() {
    super('conversation-closed', 'the KCL daemon went away before it confirmed a checkpoint')
  }
}

export class Conversation {
  readonly #socket: Socket
  readonly #handler: ConversationHandler
  readonly #lines = new LinePieces()
  /** The questions so far, each begun when the one before is answered. */
  #answers: Promise<void> = Promise.resolve()
  #question: Question['action'] | undefined
  #checkpoint: { readonly position: string; resolve(): void; reject(error: Error): void } | undefined
  #isClosed = false

  constructor(socket: Socket, handler: ConversationHandler) {
    this.#socket = socket
    this.#handler = handler
    socket.on('data', (chunk) => this.#take(chunk))
    // The error is followed by close, and what it was is of no interest: the daemon is restarted in any case.
    socket.on('error', () => {})
    socket.on('close', () => this.#close(undefined))
  }

  /** Ends it without an answer. */
  close(): void {
    this.#close(undefined)
  }

  /** The question that is not answered yet. Only then does the daemon take checkpoints. */
  get question(): Question['action'] | undefined {
    return this.#isClosed ? undefined : this.#question
  }

  /** Only while there is a question, and one at a time. Rejects with a CheckpointRefusedError or a ConversationClosedError. */
  checkpoint(upTo: Position | 'SHARD_END'): Promise<void> {
    if (this.question === undefined || this.#checkpoint !== undefined) {
      return Promise.reject(new Error('the daemon does not listen for checkpoints now'))
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#checkpoint = { position: upTo, resolve, reject }
    this.#socket.write(checkpointLine(upTo))
    return promise
  }

  #take(chunk: Buffer): void {
    if (this.#isClosed) return
    try {
      for (const line of this.#lines.take(chunk)) {
        const message = readMessage(line)
        if (message.action === 'checkpoint') this.#confirm(message)
        else this.#answers = this.#answers.then(() => this.#answer(message))
      }
    } catch (error) {
      this.#close(error as Error)
    }
  }

  async #answer(question: Question): Promise<void> {
    if (this.#isClosed) return
    this.#question = question.action
    try {
      await this.#handler.answer(question)
      this.#question = undefined
      if (!this.#isClosed) this.#socket.write(statusLine(question.action))
    } catch (error) {
      this.#close(error as Error)
    }
  }

  #confirm({ error }: CheckpointReply): void {
    const asked = this.#checkpoint
    this.#checkpoint = undefined
    if (error === undefined) asked?.resolve()
    else asked?.reject(new CheckpointRefusedError(error, asked.position))
  }

  #close(error: Error | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket.destroy()
    this.#checkpoint?.reject(new ConversationClosedError())
    this.#handler.closed(error)
  }
}
