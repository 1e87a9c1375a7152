// Where apps and jobs run. What they write goes to the workspace by a diagnostic setting, which needs no key.

param location string
param tags object
param name string
param workspaceId string
@description('The subnet for the apps, in a private deployment.')
param subnetId string

var isPrivate = !empty(subnetId)

resource apps 'Microsoft.App/managedEnvironments@2025-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    appLogsConfiguration: { destination: 'azure-monitor' }
    workloadProfiles: [{ name: 'Consumption', workloadProfileType: 'Consumption' }]
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    vnetConfiguration: isPrivate ? { internal: true, infrastructureSubnetId: subnetId } : null
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: apps
  name: 'workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'ContainerAppConsoleLogs', enabled: true }
      { category: 'ContainerAppSystemLogs', enabled: true }
    ]
  }
}

output id string = apps.id
