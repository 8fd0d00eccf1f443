// The acts of scripts. A rule with `trait` is an act by itself. A rule with `step` is a step of an act: static/scripts.py says
// which steps make which act, and how near to each other.
//
// A word alone proves nothing: libraries, tools and documents name all the words. So a pattern matches a word in use.

rule Download
{
    meta:
        step = "download"
    strings:
        $net = /\.Download(String|File|Data)(Async)?\s{0,5}\(\s{0,5}["'$(A-Za-z0-9_]/ nocase
        $request = /Invoke-(WebRequest|RestMethod)\s{1,5}[-$"'(h]/ nocase
        $transfer = /Start-BitsTransfer\s{1,5}[-$"'(h]/ nocase
        $short = /\b(iwr|irm)\s{1,5}[-$"'(h]/ nocase
        $client = /New-Object\s{1,5}(System\.)?Net\.WebClient/ nocase
        $object = /(CreateObject|GetObject|ActiveXObject|-ComObject)\s{0,5}\(?\s{0,5}["']?(MSXML2\.(Server)?XMLHTTP|Microsoft\.XMLHTTP|WinHttp\.WinHttpRequest)/ nocase
        $certutil = /certutil(\.exe)?\s{1,20}-urlcache/ nocase
        $bitsadmin = /bitsadmin(\.exe)?\s{1,20}\/transfer/ nocase
        $options = /\b(curl|wget)(\.exe)?\s{1,20}(-\S{1,100}\s{1,20}){0,8}["']?(https?|ftp):\/\// nocase
        $address = /\b(curl|wget)(\.exe)?\s[^\r\n|;&]{0,200}\s["']?(https?|ftp):\/\// nocase
        $urllib = /urllib\.request\.url(open|retrieve)\(/ nocase
        $url = /URLDownloadToFile[AW]?\s{0,5}\(/ nocase
    condition:
        any of them
}

rule Execute
{
    meta:
        step = "execute"
    strings:
        $iex = /\bIEX\b\s{0,5}[$("']/ nocase
        $piped_iex = /[|;]\s{0,5}IEX\b/ nocase
        $expression = /Invoke-Expression\s{1,5}[-$(&"'A-Za-z0-9_]/ nocase
        $piped_expression = /[|;]\s{0,5}Invoke-Expression\b/ nocase
        $start = /Start-Process\s{1,5}[-$"'(A-Za-z0-9_]/ nocase
        $object = /(CreateObject|GetObject|ActiveXObject|-ComObject)\s{0,5}\(?\s{0,5}["']?(WScript\.Shell|Shell\.Application)/ nocase
        $shell_execute = /\bShellExecute\s{0,5}\(/ nocase
        $cmd = /\bcmd(\.exe)?["']?\s{1,20}\/c/ nocase
        $chmod = /\bchmod\s{1,20}(\+x|[au]\+x|0?7[0-9][0-9])/ nocase
        $pipe = /\|\s{0,5}(sudo\s{1,5})?(ba|da|z|k)?sh\b/ nocase
        $system = "os.system(" nocase
        $subprocess = /subprocess\.(run|call|Popen|check_[a-z]{1,10})\(/ nocase
        $eval = /(^|[^.A-Za-z0-9_])(exec|eval)\(/ nocase
        $host = /\b(mshta|rundll32|regsvr32)(\.exe)?\s/ nocase
    condition:
        any of them
}

rule Installer
{
    meta:
        step = "installer"
        description = "The line that installs a program, as documents show the line: from a named host, with TLS"
    strings:
        $shell = /\b(curl|wget)\s[^\r\n|]{0,200}https:\/\/[a-z0-9-]{1,60}(\.[a-z0-9-]{1,60}){0,4}\.[a-z]{2,10}(\/[^\r\n|]{0,200})?\|\s{0,5}(sudo\s{1,5})?(-[a-z]{1,5}\s)?(ba|da|z|k)?sh\b/ nocase
        $power = /\b(irm|iwr|Invoke-RestMethod|Invoke-WebRequest)\s[^\r\n|]{0,100}https:\/\/[a-z0-9-]{1,60}(\.[a-z0-9-]{1,60}){0,4}\.[a-z]{2,10}(\/[^\r\n|]{0,200})?\|\s{0,5}(iex|Invoke-Expression)\b/ nocase
    condition:
        any of them
}

rule Decode_PowerShell
{
    meta:
        step = "decode in PowerShell"
    strings:
        $base64 = /FromBase64String\s{0,5}\(/ nocase
        $stream = /\b(Gzip|Deflate)Stream\b/ nocase
        $split = /-split\s[^\r\n]{1,40}\[char\]/ nocase
    condition:
        any of them
}

rule Run_PowerShell
{
    meta:
        step = "run in PowerShell"
    strings:
        $iex = /\bIEX\b/ nocase
        $expression = "Invoke-Expression" nocase
        $load = /Assembly\]?(::|\.)Load/ nocase
        $block = "[ScriptBlock]::Create" nocase
        $alloc = "VirtualAlloc" nocase
    condition:
        any of them
}

rule Decode_Shell
{
    meta:
        step = "decode in a shell"
    strings:
        $base64 = /\bbase64\s{1,20}(-d|--decode|-di)\b/ nocase
        $openssl = /\bopenssl\s{1,20}(enc|base64)\s[^\r\n]{0,40}-d\b/ nocase
        $xxd = /\bxxd\s{1,20}-r\b/ nocase
    condition:
        any of them
}

rule Run_Shell
{
    meta:
        step = "run in a shell"
    strings:
        $pipe = /\|\s{0,5}(sudo\s{1,5})?(sh|bash|dash|zsh|ksh|python[0-9]?|perl)\b/ nocase
        $eval = /\beval\b/ nocase
        $source = /\bsource\s{1,20}\/dev\// nocase
    condition:
        any of them
}

rule Decode_Python
{
    meta:
        step = "decode in Python"
    strings:
        $base64 = "b64decode(" nocase
        $zlib = "zlib.decompress(" nocase
        $marshal = "marshal.loads(" nocase
        $hex = "bytes.fromhex(" nocase
        $codec = /\.decode\(["'](hex|rot13)/ nocase
    condition:
        any of them
}

rule Run_Python
{
    meta:
        step = "run in Python"
    strings:
        $eval = /(^|[^.A-Za-z0-9_])(exec|eval)\(/
    condition:
        $eval
}

rule Decode_JavaScript
{
    meta:
        step = "decode in JavaScript"
    strings:
        $call = /(^|[^.A-Za-z0-9_])(window\.)?(atob|unescape)\(/ nocase
        $codes = "String.fromCharCode(" nocase
    condition:
        any of them
}

rule Run_JavaScript
{
    meta:
        step = "run in JavaScript"
    strings:
        $eval = /(^|[^.A-Za-z0-9_])(window\.)?eval\(/
        $function = /\bnew\s{1,20}Function\(/
        $write = /\bdocument\.write\(/
    condition:
        any of them
}

rule Decode_PHP
{
    meta:
        step = "decode in PHP"
    strings:
        $base64 = /\bbase64_decode\s{0,5}\(/ nocase
        $inflate = /\bgzinflate\s{0,5}\(/ nocase
        $rot = /\bstr_rot13\s{0,5}\(/ nocase
    condition:
        any of them
}

rule Run_PHP
{
    meta:
        step = "run in PHP"
    strings:
        $call = /\b(eval|assert|create_function)\s{0,5}\(/ nocase
    condition:
        $call
}

rule Decode_VBScript
{
    meta:
        step = "decode in VBScript"
    strings:
        $codes = /\bChrW?\(\s{0,5}[0-9]{1,6}\s{0,5}\)\s{0,5}&\s{0,5}ChrW?\(/ nocase
        $reverse = /\bStrReverse\s{0,5}\(/ nocase
    condition:
        any of them
}

rule Run_VBScript
{
    meta:
        step = "run in VBScript"
    strings:
        $execute = /\bExecute(Global)?\b\s{0,5}[(A-Za-z0-9_"]/ nocase
        $shell = /(CreateObject|GetObject|ActiveXObject|-ComObject)\s{0,5}\(?\s{0,5}["']?WScript\.Shell/ nocase
    condition:
        any of them
}

rule Run_Expression
{
    meta:
        step = "run an expression"
    strings:
        $expression = "Invoke-Expression" nocase
        $iex = /\bIEX\b/ nocase
    condition:
        any of them
}

rule Client_PowerShell
{
    meta:
        step = "connect in PowerShell"
    strings:
        $client = "Net.Sockets.TCPClient" nocase
    condition:
        $client
}

rule Socket_Python
{
    meta:
        step = "connect in Python"
    strings:
        $socket = "socket.socket"
    condition:
        $socket
}

rule Duplicate_Python
{
    meta:
        step = "hand over in Python"
    strings:
        $dup = "dup2"
    condition:
        $dup
}

rule Shell_Program
{
    meta:
        step = "start a shell"
    strings:
        $shell = /\/bin\/(ba)?sh/
    condition:
        $shell
}

rule Encoded_Command
{
    meta:
        trait = "script-encoded-command"
    strings:
        $command = /powershell(\.exe)?[^\r\n]{0,300}\s-e(c|nc|ncodedcommand)?\s{1,20}["']?[A-Za-z0-9+\/=]{40}/ nocase
    condition:
        $command
}

rule Hidden_Window
{
    meta:
        trait = "script-hidden-window"
    strings:
        $option = /-w(indowstyle)?\s{1,20}(hidden|1)\b/ nocase
        $run = /\.Run(\s{1,20}|\s{0,20}\()[^\r\n;{}]{0,300},\s{0,20}0\s{0,20}(,|\)|\r|\n|$)/ nocase
    condition:
        any of them
}

rule Reverse_Shell
{
    meta:
        trait = "script-reverse-shell"
    strings:
        $device = /sh\s{1,20}-i\s{0,20}[^\r\n]{0,20}\/dev\/(tcp|udp)\// nocase
        $netcat = /\bn(c|cat)\b[^\r\n]{0,80}\s-(e|c)\s{1,20}\/bin\// nocase
        $fifo = /mkfifo\s[^\r\n]{0,200}\|\s{0,20}(nc|ncat|netcat|telnet)\b/ nocase
        $descriptor = /\bexec\s{1,20}[0-9]{1,3}<>\s{0,3}\/dev\/(tcp|udp)\// nocase
    condition:
        any of them
}

rule Persistence
{
    meta:
        trait = "script-persistence"
    strings:
        $run = "CurrentVersion\\Run" nocase
        $task = /schtasks(\.exe)?\s{1,20}\/create/ nocase
        $scheduled = "New-ScheduledTask" nocase
        $cron = "/etc/cron." nocase
        $crontab = /crontab\s{1,20}-/ nocase
        $systemd = /systemctl\s{1,20}enable/ nocase
        $local = "/etc/rc.local" nocase
    condition:
        any of them
}
