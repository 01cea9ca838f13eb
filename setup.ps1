#Requires -Version 5.1
<#
.SYNOPSIS
Sets ChatServer up on Windows: checks the tools it needs, builds it, starts it and says how to log in.
.EXAMPLE
powershell -ExecutionPolicy Bypass -File setup.ps1 -Port 9000
#>
[CmdletBinding()]
param(
    [ValidateRange(0, 65535)][int]$Port = 0, # 0: PORT from the environment or .env, else 8080
    [switch]$Yes,                            # install what is missing without asking
    [switch]$NoRun,                          # build only, start nothing
    [switch]$NoWeb                           # leave out the web client, and do without Node
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$RustWanted = [version]'1.95'
$NodeWanted = [version]'20.19'
$LinkerHint = 'Install "Desktop development with C++" of the Visual Studio Build Tools: ' +
    'https://visualstudio.microsoft.com/visual-cpp-build-tools/ and run setup.ps1 again.'

function Stop-Setup([string]$Message) {
    Write-Host "error: $Message" -ForegroundColor Red
    exit 1
}

function Get-Setting([string]$Name, [string]$Default) {
    $value = [Environment]::GetEnvironmentVariable($Name)
    if (-not $value -and (Test-Path '.env')) {
        $line = Get-Content '.env' | Where-Object { $_ -match "^\s*(export\s+)?$Name\s*=" } | Select-Object -First 1
        if ($line) { $value = (($line -replace '^[^=]*=', '') -replace '\s+#.*$', '').Trim().Trim('"', "'") }
    }
    if ($value) { return $value }
    return $Default
}

function Get-RustVersion {
    if (-not (Get-Command cargo -ErrorAction SilentlyContinue)) { return $null }
    if (-not (Get-Command rustc -ErrorAction SilentlyContinue)) { return $null }
    if ("$(& rustc --version)" -match '^rustc (\d+\.\d+)') { return [version]$Matches[1] }
    return $null
}

function Confirm-Rust {
    $found = Get-RustVersion
    if ($found -and $found -ge $RustWanted) { return }
    $what = if ($found) { "Rust $found is too old, $RustWanted or newer is needed." } else { "Rust $RustWanted or newer is missing." }
    $command = 'winget install --exact --id Rustlang.Rustup'
    if (Get-Command rustup -ErrorAction SilentlyContinue) { $command = 'rustup update stable' }
    $by_hand = "$what Run '$command' (or see https://rustup.rs), open a new terminal and run setup.ps1 again."
    if (-not $Yes) {
        if ([Console]::IsInputRedirected) { Stop-Setup "$by_hand Or pass -Yes to have it run." }
        if ((Read-Host "$what Run '$command' now? [Y/n]") -notmatch '^(y|yes)?$') { Stop-Setup $by_hand }
    }
    $words = $command.Split(' ')
    if (-not (Get-Command $words[0] -ErrorAction SilentlyContinue)) { Stop-Setup $by_hand }
    & $words[0] $words[1..($words.Length - 1)]
    if ($LASTEXITCODE -ne 0) { Stop-Setup $by_hand }
    $env:Path = "$env:USERPROFILE\.cargo\bin;$env:Path"
    $found = Get-RustVersion
    if (-not $found -or $found -lt $RustWanted) { Stop-Setup $by_hand }
}

function Get-NodeVersion {
    if (-not (Get-Command node -ErrorAction SilentlyContinue)) { return $null }
    if (-not (Get-Command npm.cmd -ErrorAction SilentlyContinue)) { return $null }
    if ("$(& node --version)" -match '^v(\d+\.\d+)') { return [version]$Matches[1] }
    return $null
}

function Confirm-Node {
    $found = Get-NodeVersion
    if ($found -and $found -ge $NodeWanted) { return }
    $what = "The web client needs Node $NodeWanted or newer"
    $what += if ($found) { ", and Node $found is in use." } else { ' with npm, which is missing.' }
    $command = 'winget install --exact --id OpenJS.NodeJS.LTS'
    $by_hand = "$what Run '$command' (or see https://nodejs.org), open a new terminal and run setup.ps1 again. " +
        'Or leave the web client out with -NoWeb.'
    if (-not $Yes) {
        if ([Console]::IsInputRedirected) { Stop-Setup "$by_hand Or pass -Yes to have it run." }
        if ((Read-Host "$what Run '$command' now? [Y/n]") -notmatch '^(y|yes)?$') { Stop-Setup $by_hand }
    }
    if (-not (Get-Command winget -ErrorAction SilentlyContinue)) { Stop-Setup $by_hand }
    & winget install --exact --id OpenJS.NodeJS.LTS
    if ($LASTEXITCODE -ne 0) { Stop-Setup $by_hand }
    $env:Path = "$env:ProgramFiles\nodejs;$env:Path"
    $found = Get-NodeVersion
    if (-not $found -or $found -lt $NodeWanted) { Stop-Setup $by_hand }
}

# Before the server, which embeds the client.
function Build-Web {
    Write-Host '==> Building the web client'
    $words = @('ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error')
    & npm.cmd @words
    if ($LASTEXITCODE -ne 0) { Stop-Setup 'npm could not get what the web client is built with: check the network, or leave it out with -NoWeb.' }
    $words = @('run', '--silent', 'build', '-w', 'web')
    & npm.cmd @words
    if ($LASTEXITCODE -ne 0) { Stop-Setup 'The web client could not be built: see the message above, or leave it out with -NoWeb.' }
}

# Rust for MSVC links with Visual Studio's tools. Without them the build ends with "linker link.exe not found".
function Confirm-Linker {
    if ("$(& rustc -vV)" -notmatch 'host: \S+-msvc') { return }
    if (Get-Command link.exe -ErrorAction SilentlyContinue) { return }
    $vswhere = Join-Path ${env:ProgramFiles(x86)} 'Microsoft Visual Studio\Installer\vswhere.exe'
    if (-not (Test-Path $vswhere)) { Stop-Setup "The MSVC linker is missing. $LinkerHint" }
    $path = & $vswhere -latest -products '*' -requires Microsoft.VisualStudio.Component.VC.Tools.x86.x64 -property installationPath
    if (-not $path) { Stop-Setup "The MSVC linker is missing. $LinkerHint" }
}

function Test-Ready([string]$Url) {
    try {
        $request = [System.Net.WebRequest]::Create("$Url/readyz")
        $request.Proxy = $null
        $request.Timeout = 2000
        $response = $request.GetResponse()
        $response.Close()
        return $true
    } catch { return $false }
}

function Show-NextSteps([string]$Url, [bool]$Demo) {
    $chat = ".\target\release\chatserver.exe chat --url $Url --as"
    $name = if ($NoWeb) { 'Address   ' } else { 'Web client' }
    Write-Host "`n  $name     $Url`n  API reference  $Url/docs"
    if ($Demo) {
        Write-Host "  Demo logins    tom@temp.com and jerry@temp.com, password: password123`n"
        Write-Host "Chat, in two terminals:`n  $chat tom`n  $chat jerry"
    }
    Write-Host 'Stop it:'
    Write-Host '  Stop-Process -Id (Get-Content chatserver.pid)'
}

# No process is ended here: the message names the one that has the port.
function Confirm-Port([string]$Url, [bool]$Demo) {
    $owner = Get-NetTCPConnection -State Listen -LocalPort $Port -ErrorAction SilentlyContinue | Select-Object -First 1
    if (-not $owner) { return }
    $process = Get-Process -Id $owner.OwningProcess -ErrorAction SilentlyContinue
    $name = if ($process) { $process.ProcessName } else { 'unknown' }
    $ours = if (Test-Path 'chatserver.pid') { Get-Content 'chatserver.pid' -TotalCount 1 } else { '' }
    if ($name -eq 'chatserver' -and "$($owner.OwningProcess)" -eq $ours -and (Test-Ready $Url)) {
        Write-Host "ChatServer already runs (process $ours). To start a new build, stop it first." -ForegroundColor Green
        Show-NextSteps $Url $Demo
        exit 0
    }
    $other = if ($Port -lt 65535) { $Port + 1 } else { $Port - 1 }
    Stop-Setup "Port $Port is in use by $name (process $($owner.OwningProcess)). Choose another port: .\setup.ps1 -Port $other"
}

Set-Location $PSScriptRoot
if ($Port -eq 0) {
    $text = Get-Setting 'PORT' '8080'
    if ($text -notmatch '^[1-9]\d{0,4}$' -or [int]$text -gt 65535) { Stop-Setup "PORT must be a number from 1 to 65535, not '$text'." }
    $Port = [int]$text
}
$listen = Get-Setting 'HOST' '127.0.0.1'
$demo = $listen -match '^(127\..*|localhost|::1)$'
$reach = if ($listen -eq '0.0.0.0') { '127.0.0.1' } elseif ($listen -match ':') { '[::1]' } else { $listen }
$url = "http://${reach}:$Port"
if (-not $NoRun) { Confirm-Port $url $demo }
Confirm-Rust
Confirm-Linker
if (-not $NoWeb) { Confirm-Node; Build-Web }
Write-Host '==> Building ChatServer; the first time takes some minutes'
$flags = @('--release', '--locked')
if ($NoWeb) { $flags += '--no-default-features' }
& cargo build @flags
if ($LASTEXITCODE -ne 0) { Stop-Setup "The build failed: see the message above. If it names link.exe: $LinkerHint" }
if ($NoRun) { Write-Host 'Built .\target\release\chatserver.exe' -ForegroundColor Green; exit 0 }
Confirm-Port $url $demo
New-Item -ItemType Directory -Force -Path logs | Out-Null
$server = Start-Process -FilePath '.\target\release\chatserver.exe' -ArgumentList 'serve', '--port', $Port -PassThru `
    -WindowStyle Hidden -RedirectStandardOutput 'logs\setup-start.log' -RedirectStandardError 'logs\setup-errors.log'
Set-Content -Path 'chatserver.pid' -Value $server.Id -Encoding Ascii
$deadline = (Get-Date).AddSeconds(30)
while ($server.HasExited -or -not (Test-Ready $url)) {
    if ($server.HasExited -or (Get-Date) -gt $deadline) {
        Get-Content 'logs\setup-start.log', 'logs\setup-errors.log' -Tail 15 | Write-Host
        if (-not $server.HasExited) { Stop-Setup "Not ready after 30 s; it still runs. Stop it with: Stop-Process -Id $($server.Id)" }
        Remove-Item 'chatserver.pid'
        Stop-Setup 'ChatServer stopped while starting. Remove the cause named above, then run setup.ps1 again.'
    }
    Start-Sleep -Milliseconds 200
}
Write-Host "ChatServer is running (process $($server.Id))." -ForegroundColor Green
Show-NextSteps $url $demo
