// Where the images lie, and who may pull them: one identity, which no container can use.

param location string
param tags object
param name string
@description('Premium has private endpoints and rules for networks.')
param isPremium bool
param isPublic bool
@description('Networks from which operators may push although it is not public.')
param operatorNetworks array
param pullPrincipalId string

var acrPull = '7f951dda-4ed3-4680-a7ca-43fe172d538d' // AcrPull
var rules = {
  networkRuleBypassOptions: 'AzureServices'
  networkRuleSet: {
    defaultAction: isPublic ? 'Allow' : 'Deny'
    ipRules: map(operatorNetworks, network => { value: network, action: 'Allow' })
  }
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: isPremium ? 'Premium' : 'Basic' }
  properties: union(isPremium ? rules : {}, {
    adminUserEnabled: false
    anonymousPullEnabled: false
    publicNetworkAccess: isPublic || !empty(operatorNetworks) ? 'Enabled' : 'Disabled'
  })
}

resource pull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: registry
  name: guid(registry.id, pullPrincipalId, acrPull)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', acrPull)
    principalId: pullPrincipalId
    principalType: 'ServicePrincipal'
  }
}

output id string = registry.id
output name string = registry.name
output server string = registry.properties.loginServer
