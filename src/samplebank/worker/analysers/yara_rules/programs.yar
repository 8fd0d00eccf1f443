import "pe"

rule Process_Injection_Imports
{
    meta:
        description = "A Windows program imports what it takes to run code inside another process"
        score = 45
        assessment = "unknown"
    condition:
        uint16(0) == 0x5A4D and pe.imports("kernel32.dll", "WriteProcessMemory") and
        pe.imports("kernel32.dll", "VirtualAllocEx") and
        (pe.imports("kernel32.dll", "CreateRemoteThread") or pe.imports("kernel32.dll", "QueueUserAPC") or
         pe.imports("kernel32.dll", "SetThreadContext"))
}

rule Download_To_File_And_Run
{
    meta:
        description = "A Windows program imports a download to a file and a way to start it"
        score = 50
        assessment = "unknown"
    condition:
        uint16(0) == 0x5A4D and
        (pe.imports("urlmon.dll", "URLDownloadToFileA") or pe.imports("urlmon.dll", "URLDownloadToFileW")) and
        (pe.imports("kernel32.dll", "WinExec") or pe.imports("shell32.dll", "ShellExecuteA") or
         pe.imports("shell32.dll", "ShellExecuteW"))
}

rule Credential_Theft_Strings
{
    meta:
        description = "A program names what credential stealers look for"
        score = 60
        assessment = "unknown"
    strings:
        $browser = "\\Login Data" nocase ascii wide
        $key = "encrypted_key" ascii wide
        $firefox = "logins.json" nocase ascii wide
        $wallet = "wallet.dat" nocase ascii wide
        $telegram = "\\Telegram Desktop\\tdata" nocase ascii wide
        $decrypt = "CryptUnprotectData" ascii wide
    condition:
        uint16(0) == 0x5A4D and 4 of them
}

rule Crypto_Miner_Strings
{
    meta:
        description = "A program names the protocol and options of cryptocurrency miners"
        score = 60
        assessment = "unknown"
    strings:
        $protocol = "stratum+tcp://" nocase ascii wide
        $secure = "stratum+ssl://" nocase ascii wide
        $donate = "donate-level" nocase ascii wide
        $algorithm = "randomx" nocase ascii wide
    condition:
        2 of them
}
