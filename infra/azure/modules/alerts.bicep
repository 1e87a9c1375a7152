// Whom to tell of what, before customers notice. Three sources: what the platform counts of the topic, the metrics that the
// services send (docs/instrumentation.md), and their log lines. Each alert names its place in docs/runbook.md, and lasts as
// long as what it tells of. The thresholds are those of infra/prometheus/usher.rules.yml.

param location string
param tags object
param workspaceId string
param namespaceId string
param topicName string
param topicMegabytes int
@description('The consumers that are deployed.')
param consumers array
@description('Whether the services\' metrics arrive.')
param hasMetrics bool
@description('Whether each of them always runs; one that sleeps while nothing waits is silent by right.')
param areAlwaysThere bool
@description('Whom to write to.')
param emails array
@description('So many messages on the topic, over an hour without a pause, are a consumer that does not keep up.')
param backlog int

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'usher-operators'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'usher'
    enabled: true
    emailReceivers: [
      for (email, index) in emails: {
        name: 'operator-${index}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

// What the platform measures, it measures by topic and not by subscription.
// <https://learn.microsoft.com/azure/service-bus-messaging/monitor-service-bus-reference>
var metrics = [
  {
    name: 'usher-dead-letters'
    description: 'Dead letters lie on the topic: docs/runbook.md#dead-letters'
    severity: 3
    metric: 'DeadletteredMessages'
    aggregation: 'Maximum'
    threshold: 0
    window: 'PT5M'
  }
  {
    name: 'usher-backlog'
    description: 'More messages wait than are taken: docs/runbook.md#the-oldest-message-is-old'
    severity: 2
    metric: 'ActiveMessages'
    aggregation: 'Minimum'
    threshold: backlog
    window: 'PT1H'
  }
  {
    name: 'usher-topic-80-percent'
    description: 'The topic is 80 % full; when it is full, nothing is published: docs/runbook.md#the-topic-is-80--full'
    severity: 1
    metric: 'Size'
    aggregation: 'Maximum'
    threshold: topicMegabytes * 1048576 / 100 * 80
    window: 'PT5M'
  }
]

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in metrics: {
    name: alert.name
    location: 'global'
    tags: tags
    properties: {
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [namespaceId]
      evaluationFrequency: 'PT5M'
      windowSize: alert.window
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: 'topic'
            criterionType: 'StaticThresholdCriterion'
            metricNamespace: 'Microsoft.ServiceBus/namespaces'
            metricName: alert.metric
            dimensions: [{ name: 'EntityName', operator: 'Include', values: [topicName] }]
            timeAggregation: alert.aggregation
            operator: 'GreaterThan'
            threshold: alert.threshold
          }
        ]
      }
      autoMitigate: true
      actions: [{ actionGroupId: operators.id }]
    }
  }
]

// A query each, with one row for each thing that is wrong and how wrong it is in `value`. A gauge is one measurement, which
// lies in Sum; of each replica the newest counts.
var logs = [
  {
    name: 'usher-dead-lettered'
    description: 'A consumer gave messages up, with this reason: docs/runbook.md#dead-letters'
    severity: 3
    isEnabled: true
    query: '''
ContainerAppConsoleLogs
| where Log has 'dead-lettered'
| extend line = parse_json(Log)
| where tostring(line.message) == 'dead-lettered'
| summarize value = todouble(count()) by service = tostring(line.service), reason = tostring(line.reason)
| extend TimeGenerated = now()
'''
    dimensions: ['service', 'reason']
    operator: 'GreaterThan'
    aggregation: 'Maximum'
    threshold: 0
    window: 'PT5M'
    periods: 1
  }
  {
    name: 'usher-oldest-message'
    description: 'The oldest message of this consumer is older than 15 minutes: docs/runbook.md#the-oldest-message-is-old'
    severity: 1
    isEnabled: hasMetrics
    query: '''
AppMetrics
| where Name == 'usher.messages.oldest.age'
| summarize arg_max(TimeGenerated, Sum) by consumer = tostring(Properties.consumer), AppRoleInstance
| summarize value = max(Sum) by consumer
| extend TimeGenerated = now()
'''
    dimensions: ['consumer']
    operator: 'GreaterThan'
    aggregation: 'Maximum'
    threshold: 900
    window: 'PT10M'
    periods: 1
  }
  {
    name: 'usher-consumer-silent'
    description: 'This consumer has not been heard of for 15 minutes: docs/runbook.md#the-oldest-message-is-old'
    severity: 1
    isEnabled: hasMetrics && areAlwaysThere
    query: 'AppMetrics | where Name == "usher.circuit.open" | summarize heard = make_set(tostring(Properties.consumer)) | extend silent = set_difference(dynamic(${string(consumers)}), heard) | mv-expand consumer = silent to typeof(string) | where isnotempty(consumer) | summarize value = todouble(count()) by consumer | extend TimeGenerated = now()'
    dimensions: ['consumer']
    operator: 'GreaterThan'
    aggregation: 'Maximum'
    threshold: 0
    window: 'PT15M'
    periods: 1
  }
  {
    name: 'usher-circuit-open'
    description: 'The destination of this consumer is down, or refuses our credentials: docs/runbook.md#a-circuit-is-open'
    severity: 1
    isEnabled: hasMetrics
    query: '''
AppMetrics
| where Name == 'usher.circuit.open'
| summarize arg_max(TimeGenerated, Sum) by consumer = tostring(Properties.consumer), AppRoleInstance
| summarize value = max(Sum) by consumer
| extend TimeGenerated = now()
'''
    dimensions: ['consumer']
    operator: 'GreaterThan'
    aggregation: 'Maximum'
    threshold: 0
    window: 'PT5M'
    // Ten minutes: a vendor's hiccup is nobody's to mend.
    periods: 2
  }
  {
    // Of several producers only the one that works moves the watermark, so the least counts. No producer at all is a lag too.
    name: 'usher-watermark-lag'
    description: 'Sign-ups of the last 15 minutes and more are not published: docs/runbook.md#the-watermark-lags'
    severity: 1
    isEnabled: hasMetrics
    query: '''
AppMetrics
| where Name == 'usher.watermark.lag'
| summarize arg_max(TimeGenerated, Sum) by AppRoleInstance
| summarize value = min(Sum)
| extend value = iff(isnull(value) or isnan(value), 86400.0, value)
| extend TimeGenerated = now()
'''
    dimensions: []
    operator: 'GreaterThan'
    aggregation: 'Maximum'
    threshold: 900
    window: 'PT15M'
    periods: 1
  }
  {
    // A trouble is a line when it comes and one when it is over.
    name: 'usher-producer-not-ready'
    description: 'The producer can\'t do its work, or recognises nobody: docs/runbook.md#nobody-is-recognised'
    severity: 2
    isEnabled: true
    query: '''
ContainerAppConsoleLogs
| where Log has_any ('not ready', 'ready again')
| extend line = parse_json(Log)
| where tostring(line.service) == 'usher-producer'
| extend part = tostring(line.part), message = tostring(line.message)
| where message in ('not ready', 'ready again')
| summarize arg_max(TimeGenerated, message) by part
| where message == 'not ready' and TimeGenerated < ago(15m)
| summarize value = todouble(count()) by part
| extend TimeGenerated = now()
'''
    dimensions: ['part']
    operator: 'GreaterThan'
    aggregation: 'Maximum'
    threshold: 0
    window: 'PT1H'
    periods: 1
  }
  {
    // The one line that is not JSON is the last of a program that gives up, and names what to mend. A job's end is told by
    // the job.
    name: 'usher-service-gave-up'
    description: 'This service does not start: docs/runbook.md#a-service-starts-again-and-again'
    severity: 1
    isEnabled: true
    query: '''
ContainerAppConsoleLogs
| where Log startswith 'usher-' and isempty(JobName)
| summarize value = todouble(count()) by service = ContainerAppName
| extend TimeGenerated = now()
'''
    dimensions: ['service']
    operator: 'GreaterThan'
    aggregation: 'Maximum'
    threshold: 0
    window: 'PT10M'
    periods: 1
  }
  {
    name: 'usher-credential-expires'
    description: 'The credential of this setting holds for less than 14 days: docs/deploy.md#another-certificate'
    severity: 2
    isEnabled: hasMetrics
    query: '''
AppMetrics
| where Name == 'usher.credential.expires_in'
| summarize arg_max(TimeGenerated, Sum) by service = AppRoleName, setting = tostring(Properties.setting), AppRoleInstance
| summarize value = min(Sum) / 86400 by service, setting
| extend TimeGenerated = now()
'''
    dimensions: ['service', 'setting']
    operator: 'LessThan'
    aggregation: 'Minimum'
    threshold: 14
    window: 'PT1H'
    periods: 1
  }
]

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in logs: {
    name: alert.name
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.name
      description: alert.description
      severity: alert.severity
      enabled: alert.isEnabled
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: alert.window
      criteria: {
        allOf: [
          {
            query: alert.query
            metricMeasureColumn: 'value'
            timeAggregation: alert.aggregation
            dimensions: map(alert.dimensions, name => { name: name, operator: 'Include', values: ['*'] })
            operator: alert.operator
            threshold: alert.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: alert.periods
              minFailingPeriodsToAlert: alert.periods
            }
          }
        ]
      }
      // The tables come into being with the first line and the first measurement.
      skipQueryValidation: true
      autoMitigate: true
      actions: { actionGroups: [operators.id] }
    }
  }
]
