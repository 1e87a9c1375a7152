// The namespace and the one topic. Nobody has a key: whoever sends or listens is somebody, with a role for just that.

param location string
param tags object
param name string
@description('Premium has private endpoints; Standard has all else that is needed.')
param isPremium bool
param topicName string
@description('How large the topic may become, dead letters included. A full one takes nothing more.')
param topicMegabytes int
@description('Whether anybody can reach it who is not in the virtual network.')
param isPublic bool
@description('Networks from which operators may reach it although it is not public.')
param operatorNetworks array

var tier = isPremium ? 'Premium' : 'Standard'

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: isPremium ? { name: tier, tier: tier, capacity: 1 } : { name: tier, tier: tier }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    premiumMessagingPartitions: isPremium ? 1 : 0
    publicNetworkAccess: isPublic || !empty(operatorNetworks) ? 'Enabled' : 'Disabled'
  }

  resource topic 'topics' = {
    name: topicName
    properties: {
      // What was published within 7 days is known again (SWEEP_BACK stays below that). It can't be changed later.
      requiresDuplicateDetection: true
      duplicateDetectionHistoryTimeWindow: 'P7D'
      maxSizeInMegabytes: topicMegabytes
      enableBatchedOperations: true
    }
  }
}

resource networks 'Microsoft.ServiceBus/namespaces/networkRuleSets@2024-01-01' = if (!isPublic) {
  parent: namespace
  name: 'default'
  properties: {
    publicNetworkAccess: empty(operatorNetworks) ? 'Disabled' : 'Enabled'
    defaultAction: 'Deny'
    ipRules: map(operatorNetworks, network => { ipMask: network, action: 'Allow' })
  }
}

output id string = namespace.id
output name string = namespace.name
output host string = split(replace(namespace.properties.serviceBusEndpoint, 'https://', ''), ':')[0]
