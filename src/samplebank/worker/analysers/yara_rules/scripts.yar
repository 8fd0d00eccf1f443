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
        // The words must be used, and stand near each other: tools and documents list the words, too.
        $run_text = /\b(IEX|Invoke-Expression)\b[\x00-\xff]{0,300}DownloadString(Async)?\s{0,5}\(/ nocase ascii
        $text_run = /DownloadString(Async)?\s{0,5}\([\x00-\xff]{0,300}\b(IEX|Invoke-Expression)\b/ nocase ascii
        $run_request = /\b(IEX|Invoke-Expression)\b[\x00-\xff]{0,200}(Invoke-(WebRequest|RestMethod)|\biwr|\birm)\s{1,5}[-$"'(h]/ nocase ascii
        $request_run = /(Invoke-(WebRequest|RestMethod)|\biwr|\birm)\s{1,5}[-$"'(h][\x00-\xff]{0,300}\b(IEX|Invoke-Expression)\b/ nocase ascii
        $installer = /(Invoke-(WebRequest|RestMethod)|\biwr|\birm)\s[^\r\n|]{0,100}https:\/\/[a-z0-9.-]{1,100}\.[a-z]{2,10}\/[^\r\n|]{0,200}\|\s*(IEX|Invoke-Expression)\b/ nocase ascii
        $wide_run = /I\x00E\x00X\x00|I\x00n\x00v\x00o\x00k\x00e\x00-\x00E\x00x\x00p\x00r\x00e\x00s\x00s\x00i\x00o\x00n\x00/ nocase
        $wide_text = /D\x00o\x00w\x00n\x00l\x00o\x00a\x00d\x00S\x00t\x00r\x00i\x00n\x00g\x00\(\x00/ nocase
        $wide_request = /I\x00n\x00v\x00o\x00k\x00e\x00-\x00(W\x00e\x00b\x00R\x00e\x00q\x00u\x00e\x00s\x00t\x00|R\x00e\x00s\x00t\x00M\x00e\x00t\x00h\x00o\x00d\x00) \x00/ nocase
    condition:
        filesize < 5MB and (
            any of ($run_text, $text_run, $run_request) or
            ($request_run and (filesize < 400 or #request_run > #installer)) or
            ($wide_run and any of ($wide_text, $wide_request))
        )
}

rule PowerShell_Installer_Line
{
    meta:
        description = "PowerShell runs what is downloaded from a named host, as lines of installers in documents do"
        score = 20
        assessment = "informational"
    strings:
        $line = /(Invoke-(WebRequest|RestMethod)|\biwr|\birm)\s[^\r\n|]{0,100}https:\/\/[a-z0-9.-]{1,100}\.[a-z]{2,10}\/[^\r\n|]{0,200}\|\s*(IEX|Invoke-Expression)\b/ nocase ascii
    condition:
        filesize < 5MB and filesize >= 400 and $line
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
        // As hex: scanners would report this file for the plain words.
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
        description = "A shell runs what is downloaded, from a bare address, without TLS, or as all that the file is for"
        score = 40
        assessment = "unknown"
    strings:
        $pipe = /\b(curl|wget)\s[^\r\n|]{0,200}https?:\/\/[^\r\n|]{0,200}\|\s*(sudo\s+)?(ba|da|z)?sh\b/
        $bare = /\b(curl|wget)\s[^\r\n|]{0,200}(http:\/\/|https?:\/\/\d{1,3}\.\d{1,3}\.)[^\r\n|]{0,200}\|\s*(sudo\s+)?(ba|da|z)?sh\b/
    condition:
        filesize < 2MB and ($bare or ($pipe and (filesize < 400 or uint16be(0) == 0x2321)))
}

rule Shell_Installer_Line
{
    meta:
        description = "A shell runs what is downloaded from a named host, as lines of installers in documents do"
        score = 20
        assessment = "informational"
    strings:
        $pipe = /\b(curl|wget)\s[^\r\n|]{0,200}https:\/\/[^\r\n|]{0,200}\|\s*(sudo\s+)?(ba|da|z)?sh\b/
    condition:
        filesize < 2MB and filesize >= 400 and uint16be(0) != 0x2321 and $pipe
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
        // How a script makes the objects: a name alone does not count.
        $http = /(Create|Get|ActiveX)Object\s{0,5}\(?\s{0,5}["'](MSXML2\.(Server)?XMLHTTP|WinHttp\.WinHttpRequest|Microsoft\.XMLHTTP)/ nocase ascii wide
        $stream = /(Create|Get|ActiveX)Object\s{0,5}\(?\s{0,5}["']ADODB\.Stream/ nocase ascii wide
        $run = /(Create|Get|ActiveX)Object\s{0,5}\(?\s{0,5}["'](WScript\.Shell|Shell\.Application)/ nocase ascii wide
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
