// A consumer's place on the bus: its subscription, the one rule of it, and who may listen there.

param namespaceName string
param topicName string
@description('The consumer\'s name, and that of its subscription.')
param name string
@description('Its identity, which may listen to this subscription and to nothing else.')
param principalId string

var dataReceiver = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0' // Azure Service Bus Data Receiver

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: namespaceName

  resource topic 'topics' existing = {
    name: topicName
  }
}

resource subscription 'Microsoft.ServiceBus/namespaces/topics/subscriptions@2024-01-01' = {
  parent: namespace::topic
  name: name
  properties: {
    lockDuration: 'PT1M'
    maxDeliveryCount: 10 // DELIVERY_LIMIT
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
    deadLetteringOnFilterEvaluationExceptions: true
    enableBatchedOperations: true
  }

  // A subscription that is made without rules has one of this name, which takes everything. Rules are OR-ed, so ours has to
  // take its place, and has its name.
  resource rule 'rules' = {
    name: '$Default'
    properties: {
      filterType: 'SqlFilter'
      sqlFilter: {
        sqlExpression: 'replayTo IS NULL OR replayTo = \'${name}\''
      }
    }
  }
}

resource listen 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: subscription
  name: guid(subscription.id, principalId, dataReceiver)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataReceiver)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
