// What goes into a container of a service, be it an app or a job: its settings, and which of them come from the vault. Each
// service is handed its own secrets and no others.

@export()
@description('The environment: settings as they are; names of secrets; and for files, where they are mounted.')
func variables(settings object, secrets object, secretFiles object, files object) array => concat(
    map(items(settings), setting => { name: setting.key, value: string(setting.value) }),
    map(items(secrets), secret => { name: secret.key, secretRef: secret.value }),
    map(items(secretFiles), file => { name: file.key, value: '/etc/usher/${file.value}' }),
    map(items(files), file => { name: file.key, value: '/etc/usher/${toLower(replace(file.key, '_', '-'))}' })
  )

@export()
@description('The secrets that an app holds: references to the vault, without a version, so that a new one is found; and files.')
func references(vaultUri string, identityId string, secrets object, secretFiles object, files object) array => concat(
    map(items(union(secrets, secretFiles)), secret => {
      name: secret.value
      keyVaultUrl: '${vaultUri}secrets/${secret.value}'
      identity: identityId
    }),
    map(items(files), file => { name: toLower(replace(file.key, '_', '-')), value: file.value })
  )

@export()
@description('The one volume with all files of a service, or none.')
func volumes(secretFiles object, files object) array => empty(union(secretFiles, files))
    ? []
    : [
        {
          name: 'files'
          storageType: 'Secret'
          secrets: concat(
            map(items(secretFiles), file => { secretRef: file.value, path: file.value }),
            map(items(files), file => {
              secretRef: toLower(replace(file.key, '_', '-'))
              path: toLower(replace(file.key, '_', '-'))
            })
          )
        }
      ]

@export()
@description('Where that volume is mounted.')
func mounts(secretFiles object, files object) array => empty(union(secretFiles, files)) ? [] : [{ volumeName: 'files', mountPath: '/etc/usher' }]
