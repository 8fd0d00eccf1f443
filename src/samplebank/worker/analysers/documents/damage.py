"""The errors by which damaged documents end a reader: those of the standard library, and those of the packages that are installed."""

from xml.parsers.expat import ExpatError

from samplebank.worker.analysers.damage import DAMAGE
from samplebank.worker.analysers.extract.extras import installed

pikepdf, msoffcrypto = installed("pikepdf"), installed("msoffcrypto")

OF_PDF = () if pikepdf is None else (pikepdf.PikepdfError, pikepdf.PdfError)
OF_LOCKS = (
    ()
    if msoffcrypto is None
    else (
        msoffcrypto.exceptions.FileFormatError,
        msoffcrypto.exceptions.ParseError,
        msoffcrypto.exceptions.DecryptionError,
    )
)
BROKEN: tuple[type[Exception], ...] = (*DAMAGE, AssertionError, ExpatError, *OF_PDF, *OF_LOCKS)
