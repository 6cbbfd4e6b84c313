"""Write the page of differences."""

from cases import AREAS

from harness.page import PATH, page

PATH.write_text(page(AREAS))
print(PATH)
