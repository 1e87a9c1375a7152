// A service that runs all the time, or whenever something waits for it.

import { mounts, references, variables, volumes } from 'container.bicep'

@description('The name of the app and of its container.')
param name string
param location string
param tags object
param environmentId string
param image string
param registry string
@description('May pull images, and is not there for the container itself.')
param pullIdentityId string
@description('Who the service is in Azure: to the bus, the vault and the scaler.')
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
param minReplicas int
param maxReplicas int
@description('What it is scaled by; nothing unless given.')
param scaleRules array = []
@description('What a replica must answer to count as ready: a revision takes another\'s place only then.')
@allowed(['/readyz', '/healthz'])
param ready string = '/readyz'

var port = 8080 // HEALTH_ADDR of the images

resource app 'Microsoft.App/containerApps@2025-07-01' = {
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
    configuration: {
      // No ingress: nobody calls a service.
      activeRevisionsMode: 'Single'
      maxInactiveRevisions: 10
      registries: [{ server: registry, identity: pullIdentityId }]
      identitySettings: [
        { identity: identityId, lifecycle: 'Main' }
        { identity: pullIdentityId, lifecycle: 'None' }
      ]
      secrets: references(vaultUri, identityId, secrets, secretFiles, files)
    }
    template: {
      // A service gives up what it holds within 35 seconds of SIGTERM (shared/subscriber/src/subscriber.rs).
      terminationGracePeriodSeconds: 40
      containers: [
        {
          name: name
          image: image
          // The smallest there is; a service takes some 20 MiB (README, Numbers).
          resources: { cpu: json('0.25'), memory: '0.5Gi' }
          env: variables(settings, secrets, secretFiles, files)
          volumeMounts: mounts(secretFiles, files)
          probes: [
            {
              // Two minutes: before it listens, it has found its settings, the bus and its destination to be well.
              type: 'Startup'
              httpGet: { path: '/healthz', port: port }
              periodSeconds: 12
              failureThreshold: 10
              timeoutSeconds: 3
            }
            {
              type: 'Liveness'
              httpGet: { path: '/healthz', port: port }
              periodSeconds: 10
              failureThreshold: 3
              timeoutSeconds: 3
            }
            {
              type: 'Readiness'
              httpGet: { path: ready, port: port }
              periodSeconds: 10
              failureThreshold: 3
              timeoutSeconds: 3
            }
          ]
        }
      ]
      scale: {
        minReplicas: minReplicas
        maxReplicas: maxReplicas
        pollingInterval: 30
        cooldownPeriod: 300
        rules: scaleRules
      }
      volumes: volumes(secretFiles, files)
    }
  }
}
