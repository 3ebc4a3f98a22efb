// The template of a whole stage, synthesized offline, and questions that rules ask of every template.
import { App, type Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { parseStageConfig, type StageConfig, stageConfig } from '../config.ts'
import { serviceImage } from '../service-image.ts'
import { MillraceStack } from '../stacks/millrace-stack.ts'

export function stageStack(stage: string, change: (config: StageConfig) => StageConfig = (config) => config): Stack {
  const config = change(stageConfig(stage))
  return new MillraceStack(new App(), `Millrace-${stage}`, {
    config,
    eventsCode: Code.fromInline('exports.handler = async () => {}'),
    serviceImage: serviceImage(config.service.source),
  })
}

export function stageTemplate(stage: string, change?: (config: StageConfig) => StageConfig): Template {
  return Template.fromStack(stageStack(stage, change))
}

/** A stage as it is, but with several tasks and the exchange between them. */
export function withSeveralTasks(config: StageConfig): StageConfig {
  const service = { ...config.service, source: 'kcl', tasks: 3, memoryMiB: 2048 } as const
  return parseStageConfig({ ...config, service, exchange: { shards: 2, retentionHours: 48 } })
}

export interface Statement {
  /** The logical id of the resource that carries the statement. */
  readonly holder: string
  readonly effect: string
  readonly actions: readonly string[]
  readonly resources: readonly unknown[]
}

/** Every statement of every policy in the template: of roles, of resources, inline and attached. */
export function statementsOf(template: Template): readonly Statement[] {
  const found: Statement[] = []
  const search = (holder: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if ('Effect' in value && ('Action' in value || 'NotAction' in value)) found.push(statement(holder, value))
    for (const inner of Object.values(value)) search(holder, inner)
  }
  for (const [id, resource] of Object.entries(template.toJSON().Resources)) search(id, resource)
  return found
}

/** The actions that a policy attached to the role whose logical id matches allows, sorted. */
export function actionsAllowedTo(template: Template, role: RegExp): readonly string[] {
  const policies = Object.entries(template.findResources('AWS::IAM::Policy')).filter(([, policy]) =>
    policy.Properties.Roles.some((target: { Ref?: string }) => role.test(target.Ref ?? '')),
  )
  const ids = new Set(policies.map(([id]) => id))
  const statements = statementsOf(template).filter(({ holder, effect }) => ids.has(holder) && effect === 'Allow')
  return [...new Set(statements.flatMap(({ actions }) => actions))].sort()
}

function statement(holder: string, value: object): Statement {
  const { Effect, Action, NotAction, Resource } = value as Record<string, unknown>
  return {
    holder,
    effect: String(Effect),
    actions: NotAction === undefined ? list(Action).map(String) : ['*'],
    resources: list(Resource),
  }
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value]
}
