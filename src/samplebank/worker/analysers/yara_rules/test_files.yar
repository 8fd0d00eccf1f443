rule EICAR_Test_File
{
    meta:
        description = "The EICAR anti-virus test file"
        reference = "https://www.eicar.org/download-anti-malware-testfile/"
        score = 100
        assessment = "malicious"
        family = "EICAR"
    strings:
        // The 68 bytes that every scanner must report, as hex so that none reports this file.
        $text = {
            58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 28 50 5E 29 37 43 43 29 37 7D 24
            45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 49 52 55 53 2D 54 45 53 54 2D 46 49 4C 45 21
            24 48 2B 48 2A
        }
    condition:
        $text at 0 or (filesize < 1MB and $text)
}

rule GTUBE_Test_Mail
{
    meta:
        description = "The GTUBE test text for spam filters"
        reference = "https://spamassassin.apache.org/gtube/"
        score = 10
        assessment = "informational"
    strings:
        $start = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-"
        $end = "STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
    condition:
        $start and $end
}
