"""One recipe per package; see ``models.recipe`` for what each has to say."""
