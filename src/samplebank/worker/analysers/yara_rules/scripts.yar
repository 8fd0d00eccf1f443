rule PowerShell_Encoded_Command
{
    meta:
        description = "PowerShell is started with a Base64 command"
        score = 60
        assessment = "unknown"
    strings:
        $command = /powershell(\.exe)?[^\r\n]{0,200}\s-e(c|nc|ncodedcommand)?\s+["']?[A-Za-z0-9+\/]{60}/ nocase ascii wide
    condition:
        $command
}

rule PowerShell_Download_Cradle
{
    meta:
        description = "PowerShell runs what it downloads"
        score = 80
        assessment = "malicious"
    strings:
        $run = /\b(IEX|Invoke-Expression)\b/ nocase ascii wide
        $client = "Net.WebClient" nocase ascii wide
        $text = "DownloadString" nocase ascii wide
        $request = /Invoke-(WebRequest|RestMethod)/ nocase ascii wide
    condition:
        filesize < 5MB and $run and (($client and $text) or $request)
}

rule PowerShell_Hidden_Download
{
    meta:
        description = "PowerShell downloads a file while its window is hidden"
        score = 75
        assessment = "malicious"
    strings:
        $hidden = /-w(indowstyle)?\s+(hidden|1)\b/ nocase ascii wide
        $file = "DownloadFile" nocase ascii wide
        $transfer = "Start-BitsTransfer" nocase ascii wide
        $shell = "powershell" nocase ascii wide
    condition:
        filesize < 5MB and $shell and $hidden and ($file or $transfer)
}

rule PowerShell_Scan_Interface_Bypass
{
    meta:
        description = "PowerShell switches off the anti-malware scan interface"
        score = 85
        assessment = "malicious"
    strings:
        // In parts, or scanners report this file.
        $class = { 41 6D 73 69 55 74 69 6C 73 }
        $field = { 61 6D 73 69 49 6E 69 74 46 61 69 6C 65 64 }
    condition:
        $class and $field
}

rule Shell_Reverse_Shell
{
    meta:
        description = "A shell is connected to a remote host"
        score = 90
        assessment = "malicious"
    strings:
        $bash = /\b(ba|z|k)?sh\s+-i\s*[^\r\n]{0,20}\/dev\/(tcp|udp)\//
        $netcat = /\bn(c|cat)\b[^\r\n]{0,80}\s-e\s*\/bin\/(ba|da)?sh/
        $fifo = /mkfifo\s[^\r\n]{0,120}\/bin\/(ba)?sh\s+-i[^\r\n]{0,80}\bnc\b/
        $python = /socket\.socket[^\r\n]{0,300}os\.dup2[^\r\n]{0,300}\/bin\/(ba)?sh/
        $perl = /perl\s+-e[^\r\n]{0,80}Socket[^\r\n]{0,300}\/bin\/(ba)?sh/
        $php = /fsockopen\([^\r\n]{0,120}(exec|shell_exec|system|proc_open)\([^\r\n]{0,40}\/bin\/(ba)?sh/
    condition:
        filesize < 10MB and any of them
}

rule Shell_Pipe_From_Network
{
    meta:
        description = "A shell runs what is downloaded; installers do this too"
        score = 40
        assessment = "unknown"
    strings:
        $pipe = /\b(curl|wget)\s[^\r\n|]{0,200}https?:\/\/[^\r\n|]{0,200}\|\s*(sudo\s+)?(ba|da|z)?sh\b/
    condition:
        filesize < 2MB and $pipe
}

rule Linux_Dropper_Script
{
    meta:
        description = "A shell script downloads programs for several architectures and starts them, as botnets spread"
        score = 85
        assessment = "malicious"
    strings:
        $fetch = /\b(wget|curl|tftp|ftpget)\s/
        $mode = /chmod\s+(\+x|0?7[0-7]{2})/
        $mips = /\b(mips|mpsl|mipsel)\b/
        $arm = /\barm(4|5|6|7)\w{0,3}\b/
        $x86 = /\b(x86|i[56]86|x86_64)\b/
    condition:
        filesize < 256KB and #fetch >= 2 and $mode and 2 of ($mips, $arm, $x86)
}

rule Windows_Script_Download_And_Run
{
    meta:
        description = "A Windows script downloads a file and starts it"
        score = 75
        assessment = "malicious"
    strings:
        $http = /(MSXML2\.(Server)?XMLHTTP|WinHttp\.WinHttpRequest|Microsoft\.XMLHTTP)/ nocase
        $stream = "ADODB.Stream" nocase
        $run = /(WScript\.Shell|Shell\.Application)/ nocase
    condition:
        filesize < 5MB and all of them
}

rule Living_Off_The_Land_Download
{
    meta:
        description = "A tool of Windows itself is used to download"
        score = 55
        assessment = "unknown"
    strings:
        $certutil = /certutil(\.exe)?\s[^\r\n]{0,80}-urlcache[^\r\n]{0,80}https?:/ nocase ascii wide
        $bitsadmin = /bitsadmin(\.exe)?\s[^\r\n]{0,80}\/transfer[^\r\n]{0,120}https?:/ nocase ascii wide
        $mshta = /mshta(\.exe)?\s+["']?https?:/ nocase ascii wide
        $regsvr = /regsvr32(\.exe)?\s[^\r\n]{0,80}\/i:https?:/ nocase ascii wide
    condition:
        any of them
}

rule Ransom_Shadow_Copy_Removal
{
    meta:
        description = "Shadow copies are deleted, as ransomware does before it encrypts"
        score = 80
        assessment = "malicious"
    strings:
        $vssadmin = /vssadmin(\.exe)?\s+delete\s+shadows/ nocase ascii wide
        $wmic = /wmic(\.exe)?\s+shadowcopy\s+delete/ nocase ascii wide
        $recovery = /bcdedit(\.exe)?[^\r\n]{0,60}recoveryenabled\s+no/ nocase ascii wide
    condition:
        any of them
}

rule Web_Shell_PHP
{
    meta:
        description = "PHP runs what the visitor sends"
        score = 85
        assessment = "malicious"
    strings:
        $php = "<?php" nocase
        $run = /\b(eval|assert|system|passthru|shell_exec|exec)\s*\(\s*(base64_decode\s*\(\s*)?(\$_(POST|GET|REQUEST|COOKIE))\b/ nocase
    condition:
        filesize < 2MB and $php and $run
}
