// The OpenTelemetry Collector: services send it traces and metrics, it samples the traces and hands both on to Application
// Insights. The agent that Container Apps brings along can't take its place: it speaks gRPC alone, which the services do not,
// and gives Application Insights no metrics.
// <https://learn.microsoft.com/azure/container-apps/opentelemetry-agents#environment-variables>

param location string
param tags object
param name string
param environmentId string
param image string
@description('Whether every trace is handed on, at once, without a judgement.')
param everyTrace bool
param insightsName string

var files = ['--config=/etc/collector/collector.yaml', '--config=/etc/collector/azure.yaml']
var unsampled = ['--config=yaml:service::pipelines::traces::processors: [memory_limiter, batch]']

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource collector 'Microsoft.App/containerApps@2025-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    environmentId: environmentId
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      // From within the environment alone, over TLS.
      ingress: { external: false, targetPort: 4318, transport: 'http', allowInsecure: false }
      secrets: [
        { name: 'insights', value: insights.properties.ConnectionString }
        { name: 'collector', value: loadTextContent('../../collector.yaml') }
        { name: 'azure', value: loadTextContent('../collector.yaml') }
      ]
    }
    template: {
      containers: [
        {
          name: name
          image: image
          args: everyTrace ? concat(files, unsampled) : files
          // It holds the traces of 16 minutes until it is certain which to keep: infra/collector.yaml reckons how much that is.
          resources: { cpu: json('0.5'), memory: '1Gi' }
          env: [{ name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', secretRef: 'insights' }]
          volumeMounts: [{ volumeName: 'config', mountPath: '/etc/collector' }]
          probes: [
            { type: 'Liveness', httpGet: { path: '/', port: 13133 }, periodSeconds: 10, failureThreshold: 3 }
            { type: 'Readiness', httpGet: { path: '/', port: 13133 }, periodSeconds: 10, failureThreshold: 3 }
          ]
        }
      ]
      // One and no more: all spans of a trace must come to the same.
      scale: { minReplicas: 1, maxReplicas: 1 }
      volumes: [
        {
          name: 'config'
          storageType: 'Secret'
          secrets: [
            { secretRef: 'collector', path: 'collector.yaml' }
            { secretRef: 'azure', path: 'azure.yaml' }
          ]
        }
      ]
    }
  }
}

output endpoint string = 'https://${collector.properties.configuration.ingress.fqdn}'
