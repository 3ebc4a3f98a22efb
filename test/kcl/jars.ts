// Where `npm run kcl:jars -- --dynamodb-local` puts what the tests need of Java.
import { fileURLToPath } from 'node:url'

export const kclJars = fileURLToPath(new URL('../../.cache/kcl/daemon/lib', import.meta.url))
export const dynamoDbLocalJars = fileURLToPath(new URL('../../.cache/kcl/dynamodb-local/lib', import.meta.url))
