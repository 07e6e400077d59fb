// The digest of the sources that the library was built from; `library.py` compares it.

#ifndef SEATBELT_SOURCES
#error "build through setup.py, which defines SEATBELT_SOURCES"
#endif
#define TEXT_OF(text) #text
#define TEXT(text) TEXT_OF(text)

extern "C" const char *source_digest() { return TEXT(SEATBELT_SOURCES); }
