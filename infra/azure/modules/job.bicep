// A service that does one thing and ends: a replay or a backfill when it is started, the producer's --once by the clock.

import { mounts, references, variables, volumes } from 'container.bicep'

@description('The name of the job; its container has the same.')
param name string
param location string
param tags object
param environmentId string
param image string
param registry string
@description('May pull images, and is not there for the container itself.')
param pullIdentityId string
@description('Who the service is in Azure: to the bus and the vault.')
param identityId string
param vaultUri string
@description('Settings by their names in the environment.')
param settings object
@description('Names of settings, and the vault\'s secrets that hold them.')
param secrets object
@description('Names of settings that name a file, and the vault\'s secrets that hold it.')
param secretFiles object
@description('Names of settings that name a file, and what is in it.')
param files object
@description('The command, and what it is told.')
param arguments array
@description('When it starts, as five fields of cron in UTC; on an operator\'s word unless given.')
param schedule string = ''
@description('For how long it may run.')
param timeoutSeconds int

// Never two at once, and none again by itself: whoever started it, or the clock, does so again.
var once = { parallelism: 1, replicaCompletionCount: 1 }
var trigger = empty(schedule)
  ? { triggerType: 'Manual', manualTriggerConfig: once }
  : { triggerType: 'Schedule', scheduleTriggerConfig: union(once, { cronExpression: schedule }) }

resource job 'Microsoft.App/jobs@2025-07-01' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
      '${pullIdentityId}': {}
    }
  }
  properties: {
    environmentId: environmentId
    workloadProfileName: 'Consumption'
    configuration: union(trigger, {
      replicaTimeout: timeoutSeconds
      replicaRetryLimit: 0
      registries: [{ server: registry, identity: pullIdentityId }]
      identitySettings: [
        { identity: identityId, lifecycle: 'Main' }
        { identity: pullIdentityId, lifecycle: 'None' }
      ]
      secrets: references(vaultUri, identityId, secrets, secretFiles, files)
    })
    template: {
      containers: [
        {
          name: name
          image: image
          args: arguments
          resources: { cpu: json('0.25'), memory: '0.5Gi' }
          env: variables(settings, secrets, secretFiles, files)
          volumeMounts: mounts(secretFiles, files)
        }
      ]
      volumes: volumes(secretFiles, files)
    }
  }
}
